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
export function element<Name extends keyof HTMLElementTagNameMap>(name: Name, attributes?: Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>, ...children: Child[]): HTMLElementTagNameMap[Name];
export type Child = string | Node | null | undefined | false;
