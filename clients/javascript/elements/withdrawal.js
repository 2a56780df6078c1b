import { element } from './dom.js'
import { money } from './words.js'

/** @import { Account, Reader } from './shapes.js' */

/**
 * The question before a withdrawal, as a modal dialog with the focus on the safe answer. After a failure it stays open
 * and says what went wrong.
 *
 * @param {Account} account
 * @param {Reader & { explain: (problem: any) => string }} reader
 * @param {{ business: string, account: string, isOnly: boolean }} about `isOnly`: nothing else can be charged
 * @param {() => Promise<void>} withdraw closes the dialog once it succeeded
 */
export function withdrawalDialog({ charges = [] }, reader, { isOnly, ...names }, withdraw) {
  const { say } = reader
  const problem = element('p', { part: 'problem', class: 'problem', role: 'alert' })
  const keep = element('button', {
    part: 'secondary', class: 'secondary', type: 'button', autofocus: true, onclick: () => dialog.close(),
  }, say('withdraw_keep'))
  const confirm = element('button', {
    part: 'danger', class: 'danger', type: 'button', onclick: (event) => isOnPurpose(event) && answer(),
  }, say('withdraw_confirm'))
  const dialog = element('dialog', {
    part: 'dialog', lang: reader.locale, 'aria-labelledby': 'ask', 'aria-describedby': 'consequences',
    onclose: () => dialog.remove(),
  },
  element('h2', { id: 'ask', part: 'heading' }, say('withdraw_heading')),
  element('div', { id: 'consequences', class: 'consequences' },
    element('p', {}, say('withdraw_ends', names)),
    element('p', {}, say('withdraw_stays')),
    !isOnly && element('p', {}, say('withdraw_others')),
    underWay(charges, reader)),
  problem,
  element('div', { class: 'answers' }, keep, confirm))

  const answer = async () => {
    if (confirm.ariaDisabled === 'true') return
    setBusy('true', 'withdraw_busy')
    problem.textContent = ''
    await withdraw().catch((error) => { problem.textContent = reader.explain(error) })
    setBusy('false', 'withdraw_confirm')
  }

  /** @param {string} busy @param {string} words */
  const setBusy = (busy, words) => {
    confirm.ariaDisabled = busy
    confirm.textContent = say(words)
  }

  return dialog
}

/** The second click of a double click was meant for the button below the dialog. @param {any} event */
const isOnPurpose = (event) => event.detail < 2

/** Amazon may still confirm these. @param {Account['charges']} charges @param {Reader} reader */
function underWay(charges = [], reader) {
  const payments = charges.filter(({ status }) => status === 'pending' || status === 'processing')
    .map(({ amount, currency, description }) =>
      money(amount, currency, reader) + (description ? ` (${description})` : ''))
  const listed = new Intl.ListFormat(reader.locale).format(payments)
  return listed && element('p', {}, reader.say('withdraw_under_way', { payments: listed }))
}
