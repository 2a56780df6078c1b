/** @typedef {string | Node | null | undefined | false} Child */

/**
 * A DOM element. Attributes that are null, undefined or false are left out; `on…` attributes are listeners.
 * Text becomes a text node, so nothing in it is ever read as markup.
 *
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(key.slice(2), value)
    else if (value === true) made.setAttribute(key, '')
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, String(value))
  }
  made.append(.../** @type {(string | Node)[]} */ (children.filter((child) => child || child === '')))
  return made
}
