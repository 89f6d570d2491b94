// Making elements. Text is only ever set as text, so nothing that a file or a person wrote becomes markup.

// An element: h("a", { class: "link", href: "#/", on: { click } }, "text", child, [children]).
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

// Replaces what an element holds; where the focus was in it and an element of the same id is there again,
// the focus goes to that.
export function fill(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  element.replaceChildren();
  add(element, children);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  return element;
}

let numbers = 0;

// An id that is new on this page.
export function newId(prefix) {
  numbers += 1;
  return `${prefix}-${numbers}`;
}

// Told to those who do not see the page.
export function announce(message) {
  const place = document.getElementById("announcer");
  if (place.textContent !== message) place.textContent = message;
}
