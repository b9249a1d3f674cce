// Small helpers for the document. Texts come from peers, so they are only ever set as text, never as HTML.

/** Returns the element with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Makes an element.
 *
 * @param {string} name The name of the element
 * @param {Record<string, string>} [attributes] Its attributes
 * @param {...(Node | string)} children Its content
 * @returns {HTMLElement} The element
 */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Sets the text of an element, only if it is another one, so that a selection in it stays. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A flag with its value, which is easier to read and to copy in one line. */
const FLAG = /(--[a-z][a-z-]*(?:[ =][^\s,;.]+(?:\.[^\s,;.]+)*)?)/;

/** Sets the text of an element like `setText`, with each flag of a command kept in one line. */
export function setSentence(element, text) {
  if (element.textContent === text) return;
  const parts = text.split(FLAG);
  element.replaceChildren(
    ...parts.map((part, at) => at % 2 === 0 ? part : el("span", { class: "flag" }, part)),
  );
}

/** Sets an attribute, only if it is another one. */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Shows or hides an element. */
export function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

/**
 * Makes the children of an element follow a list. An item that stays keeps its element, and so the focus, the
 * selection and the place of a screen reader in it.
 *
 * @param {Element} parent The element
 * @param {readonly T[]} items The items
 * @param {(item: T) => string} keyOf Returns what identifies an item
 * @param {(item: T) => Element} make Makes the element of a new item
 * @param {(element: Element, item: T) => void} update Brings an element up to date
 * @template T
 */
export function follow(parent, items, keyOf, make, update) {
  const old = new Map();
  for (const child of parent.children) old.set(child.dataset.key, child);
  const kept = new Set(items.map(keyOf));
  for (const [key, child] of old) if (!kept.has(key)) child.remove();
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let child = old.get(key);
    if (child === undefined) {
      child = make(item);
      child.dataset.key = key;
    }
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
    update(child, item);
  }
}
