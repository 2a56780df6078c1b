import { businessOf, nameOf } from './account-view.js'
import { element } from './dom.js'
import { money } from './words.js'

/**
 * @typedef {import('./account-view.js').Account} Account
 * @typedef {import('./words.js').Reader} Reader
 */

/** No attempt is made any more at the others, but Amazon may still confirm these. */
const UNDER_WAY = ['pending', 'processing']

/**
 * The question before a withdrawal, as a modal dialog. It stays open until it is answered, and after a failure it says
 * what went wrong. The safe answer has the focus.
 *
 * @param {Account} account
 * @param {Reader & { explain: (error: any) => string }} reader
 * @param {() => Promise<void>} withdraw closes the dialog if it succeeds
 */
export function withdrawalDialog({ mandate, charges = [] }, reader, withdraw) {
  const { say } = reader
  const underWay = charges.filter(({ status }) => UNDER_WAY.includes(status))
  const names = { business: businessOf(mandate, reader), account: nameOf(mandate, reader) }
  const problem = element('p', { part: 'problem', class: 'problem', role: 'alert' })
  const keep = element('button', {
    part: 'secondary', class: 'secondary', type: 'button', autofocus: true, onclick: () => dialog.close(),
  }, say('withdraw_keep'))
  const confirm = element('button', { part: 'danger', class: 'danger', type: 'button', onclick: () => answer() },
    say('withdraw_confirm'))
  const dialog = element('dialog', {
    part: 'dialog', lang: reader.locale, 'aria-labelledby': 'withdraw-heading',
    'aria-describedby': 'withdraw-consequences', onclose: () => dialog.remove(),
  },
  element('h2', { id: 'withdraw-heading', part: 'heading' }, say('withdraw_heading')),
  element('div', { id: 'withdraw-consequences', class: 'consequences' },
    element('p', {}, say('withdraw_ends', names)),
    element('p', {}, say('withdraw_stays')),
    underWay.length > 0 && element('p', {}, say('withdraw_under_way', { payments: listed(underWay, reader) }))),
  problem,
  element('div', { class: 'answers' }, keep, confirm))
  let isBusy = false

  /** @param {boolean} busy */
  const setBusy = (busy) => {
    isBusy = busy
    confirm.setAttribute('aria-disabled', String(busy))
    confirm.textContent = say(busy ? 'withdraw_busy' : 'withdraw_confirm')
  }

  const answer = async () => {
    if (isBusy) return
    setBusy(true)
    problem.textContent = ''
    try {
      await withdraw()
    } catch (error) {
      problem.textContent = reader.explain(error)
    } finally {
      setBusy(false)
    }
  }

  return dialog
}

/** @param {import('./account-view.js').Api['Charge'][]} charges @param {Reader} reader */
function listed(charges, reader) {
  const each = charges.map(({ description, amount, currency }) =>
    `${money(amount, currency, reader)}${description ? ` (${description})` : ''}`)
  return new Intl.ListFormat(reader.locale, { type: 'conjunction' }).format(each)
}
