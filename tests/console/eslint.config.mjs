import js from "@eslint/js";

const browser = [
  ...[
    "addEventListener",
    "AbortController",
    "atob",
    "BroadcastChannel",
    "btoa",
    "crypto",
    "document",
    "fetch",
  ],
  ...[
    "FormData",
    "getSelection",
    "HashChangeEvent",
    "location",
    "navigator",
    "performance",
    "queueMicrotask",
  ],
  ...["scrollTo", "sessionStorage", "setTimeout", "TextDecoder", "TextEncoder", "URLSearchParams", "window"],
  ...["XMLHttpRequest"],
];

export default [
  js.configs.recommended,
  {
    languageOptions: { globals: Object.fromEntries(browser.map((name) => [name, "readonly"])) },
    rules: {
      eqeqeq: "error",
      "max-len": ["error", { code: 120 }],
      "max-lines": ["error", 250],
      "no-nested-ternary": "error",
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["tests/console/*.mjs"],
    languageOptions: { globals: { Buffer: "readonly", process: "readonly" } },
  },
  {
    files: ["tests/exceljs/*.js"],
    languageOptions: { sourceType: "commonjs", globals: { process: "readonly" } },
  },
];
