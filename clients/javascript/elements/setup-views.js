import { element } from './dom.js'
import { account } from './words.js'

/** @import { Mandate, Terms } from '../shapes.js' */
/** @import { AmazonPayElement } from './base.js' */
/** @import { Child } from './dom.js' */

/**
 * What stands above the terms: a plain text, or the sections that are new.
 * @typedef {{ text: string, sections?: string[] }} Notice
 */

/**
 * @typedef {object} TermsForm
 * @property {Terms} terms
 * @property {string[]} locales the languages to choose from
 * @property {Notice | null} notice
 * @property {(event: Event) => void} onSubmit
 * @property {(event: Event) => void} onTick
 * @property {(event: Event) => void} onLanguage
 */

/** The shape of the terms while they are loading, so that little moves when they come. */
export function skeleton() {
  const lines = (/** @type {string[]} */ ...names) => names.map((name) => element('span', { class: `bone ${name}` }))
  return [element('div', { class: 'bones', 'aria-hidden': 'true' },
    ...lines('title', 'wide', 'half'),
    ...['a', 'b', 'c', 'd', 'e'].map(() => element('div', { class: 'promise' }, ...lines('short', 'block'))),
    ...lines('action', 'action', 'wide', 'half'))]
}

/** @param {AmazonPayElement} host @param {TermsForm} form @returns {Child[]} */
export function termsView(host, { terms, locales, notice, onSubmit, onTick, onLanguage }) {
  const fresh = notice?.sections ?? []
  return [
    element('header', {},
      host.heading(host.say('setup_heading')),
      locales.length > 1 && languageChoice(host, terms.locale, locales, onLanguage)),
    notice && noticeBox(host, notice, terms),
    element('p', { part: 'text' }, host.say('setup_lead', { business: terms.business_name })),
    promises(host, terms, Object.keys(terms.sections), fresh),
    element('form', { novalidate: true, onsubmit: onSubmit },
      element('label', { part: 'choice', class: 'choice' },
        element('input', { part: 'checkbox', type: 'checkbox', required: true, 'aria-describedby': 'problem', onchange: onTick }),
        element('span', {}, host.say('agree'))),
      element('p', { id: 'problem', part: 'problem', class: 'problem', role: 'alert' }),
      element('button', { part: 'button', class: 'main' }, host.say('continue')),
      element('p', { part: 'text', class: 'quiet' }, host.say('next')),
      element('p', { part: 'text', class: 'quiet' }, host.say('version', { version: terms.version }))),
  ]
}

/** @param {AmazonPayElement} host @param {string} locale @param {string[]} locales @param {(event: Event) => void} onLanguage */
function languageChoice(host, locale, locales, onLanguage) {
  return element('label', { class: 'language quiet' }, host.say('language'),
    element('select', { onchange: onLanguage }, ...locales.map((tag) => (
      element('option', { value: tag, lang: tag, selected: tag === locale }, nameOf(tag))))))
}

/** A language in its own words. @param {string} tag */
function nameOf(tag) {
  const { baseName } = new Intl.Locale(tag) // without extensions, which have no name
  return new Intl.DisplayNames([tag], { type: 'language' }).of(baseName) ?? tag
}

/** @param {AmazonPayElement} host @param {Notice} notice @param {Terms} terms */
function noticeBox(host, { text, sections = [] }, terms) {
  return element('div', { part: 'notice', class: 'notice', tabindex: '-1' },
    element('p', {}, text),
    sections.length > 0 && promises(host, terms, sections, []))
}

/**
 * The terms' own text, by section, in its own language.
 * @param {AmazonPayElement} host @param {Terms} terms @param {string[]} names @param {string[]} fresh those to mark
 */
function promises(host, terms, names, fresh) {
  const sections = /** @type {Record<string, string>} */ (terms.sections)
  return element('dl', { part: 'list', class: 'promises' }, ...names.map((name) => (
    element('div', { part: 'section', class: 'promise' },
      element('dt', {}, host.say(`section_${name}`),
        fresh.includes(name) && element('span', { class: 'new' }, host.say('new'))),
      element('dd', { lang: terms.locale }, sections[name])))))
}

/**
 * A state that is a heading, a text and at most one thing to do.
 * @param {AmazonPayElement} host @param {string} name @param {...Child} more
 * @returns {Child[]}
 */
export function plainView(host, name, ...more) {
  return [
    ['active', 'already'].includes(name) && element('span', { class: 'tick', 'aria-hidden': 'true' }),
    host.heading(host.say(`${name}_heading`)),
    element('p', { part: 'text' }, host.say(name)),
    name === 'waiting' && element('div', { class: 'waiting', 'aria-hidden': 'true' }),
    ...more,
  ]
}

/** The card behind the account, once one is known. @param {AmazonPayElement} host @param {Mandate['funding']} funding */
export function accountLine(host, funding) {
  const { seen, heard } = account(funding, { say: (...words) => host.say(...words), locale: host.locale, zone: 'UTC' })
  return funding && element('p', { part: 'text', class: 'quiet' },
    element('span', { 'aria-hidden': 'true' }, seen), element('span', { class: 'unseen' }, heard))
}
