// What the console must know of its stack; app.py writes it into the document's head.

/** @type {any} */
const meta = document.querySelector('meta[name="stack"]');

/** @type {{ tenant: string, cognito: string, pool: string, client: string, requiresMfa: boolean }} */
export const stack = JSON.parse(meta.content);
