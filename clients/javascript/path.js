import { Problem } from './problem.js'

/** A path, its ids percent-encoded: at`/charges/${id}`. @param {TemplateStringsArray} parts @param {string[]} ids */
export const at = (parts, ...ids) => String.raw({ raw: parts }, ...ids.map(encoded))

/** @param {string} id */
const encoded = (id) => {
  // A URL drops a segment of dots, even an encoded one (WHATWG URL), so it would be another route's path.
  if (/^\.{0,2}$/.test(id)) throw new Problem({ code: 'not_found', status: 404, detail: `nothing has the id "${id}"` })
  return encodeURIComponent(id)
}
