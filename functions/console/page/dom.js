// Elements without a framework, and without ever parsing a text as HTML.

/**
 * h("a", { class: "link", href: "#/", on: { click } }, "text", child, [children]).
 * @returns {any}
 */
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** @returns {any} */
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
    if (child !== null && child !== undefined && child !== false && child !== "") element.append(child);
  }
}

// Replaces the contents of an element; where the focus was in it and an element of the same id is there again,
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

// Read out by screen readers.
export function announce(message) {
  const place = document.getElementById("announcer");
  if (place.textContent !== message) place.textContent = message;
}
