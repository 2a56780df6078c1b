import { de } from './de.js'
import { en } from './en.js'

/**
 * What the elements say, by key. `{name}` in a text stands for a value.
 * @typedef {Record<string, string>} Strings
 */
/** @typedef {(key: string, values?: Record<string, string | number>) => string} Say */

/** @type {Map<string, Strings>} */
const known = new Map([['en', en], ['de', de]])

const RIGHT_TO_LEFT = /^(ar|arc|ckb|dv|fa|he|ks|nqo|ps|sd|ug|ur|yi)\b|-(Arab|Hebr)\b/i

/**
 * Adds a language for every element on the page, or replaces some of its texts. A language is used once it is complete:
 * nothing around a consent is in another language than its terms.
 * @param {string} locale a language tag, such as `fr` or `pt-BR`
 * @param {Strings} strings
 * @returns {string[]} the keys of the texts that are still missing
 */
export function registerStrings(locale, strings) {
  known.set(locale, { ...known.get(locale), ...strings })
  return missing(known.get(locale))
}

/**
 * The first language of `wanted` that is among `available`: the tag itself, else its language, else a variant of it.
 * @param {readonly string[]} wanted
 * @param {readonly string[]} available
 * @returns {string | undefined}
 */
export function bestOf(wanted, available) {
  for (const tag of wanted) {
    const language = languageOf(tag)
    const found = available.find((other) => same(other, tag))
      ?? available.find((other) => same(other, language))
      ?? available.find((other) => same(languageOf(other), language))
    if (found) return found
  }
  return undefined
}

/**
 * The words for a locale, English where there are none.
 * @param {string} locale
 * @param {Record<string, Strings>} [overrides] by language tag; one tag's texts may be only some
 * @returns {{ say: Say, locale: string, dir: 'ltr' | 'rtl' }}
 */
export function wordsFor(locale, overrides = {}) {
  const found = bestOf([locale], languages(overrides)) ?? 'en'
  /** @type {Strings} */
  const strings = { ...known.get(found), ...overrides[found] }
  return {
    say: (key, values = {}) => (strings[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? '')),
    locale: same(languageOf(found), languageOf(locale)) ? locale : found,
    dir: RIGHT_TO_LEFT.test(found) ? 'rtl' : 'ltr',
  }
}

/**
 * Every language whose words are complete.
 * @param {Record<string, Strings>} [overrides]
 */
export const languages = (overrides = {}) => [...new Set([...Object.keys(overrides), ...known.keys()])]
  .filter((tag) => missing({ ...known.get(tag), ...overrides[tag] }).length === 0)

/** @param {Strings} [strings] */
const missing = (strings = {}) => Object.keys(en).filter((key) => !strings[key])

/** @param {string} tag */
const languageOf = (tag) => tag.split('-', 1)[0] ?? tag
/** @param {string} one @param {string} other */
const same = (one, other) => one.toLowerCase() === other.toLowerCase()
