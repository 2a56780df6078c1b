/**
 * Adds a language for every element on the page, or replaces some of its texts. A language is used once it is complete:
 * nothing around a consent is in another language than its terms.
 * @param {string} locale a language tag, such as `fr` or `pt-BR`
 * @param {Strings} strings
 * @returns {string[]} the keys of the texts that are still missing
 */
export function registerStrings(locale: string, strings: Strings): string[];
/**
 * The first language of `wanted` that is among `available`: the tag itself, else its language, else a variant of it.
 * @param {readonly string[]} wanted
 * @param {readonly string[]} available
 * @returns {string | undefined}
 */
export function bestOf(wanted: readonly string[], available: readonly string[]): string | undefined;
/**
 * The words for a locale, English where there are none.
 * @param {string} locale
 * @param {Record<string, Strings>} [overrides] by language tag; one tag's texts may be only some
 * @returns {{ say: Say, locale: string, dir: 'ltr' | 'rtl' }}
 */
export function wordsFor(locale: string, overrides?: Record<string, Strings>): {
    say: Say;
    locale: string;
    dir: "ltr" | "rtl";
};
export function languages(overrides?: Record<string, Strings>): string[];
/**
 * What the elements say, by key. `{name}` in a text stands for a value.
 */
export type Strings = Record<string, string>;
export type Say = (key: string, values?: Record<string, string | number>) => string;
