import { element } from './dom.js'
import { account, chargeInWords, day, days, money, permissionInWords, refundInWords, zoneOf } from './words.js'

/**
 * @typedef {import('./words.js').Reader} Reader
 * @typedef {import('../api.d.ts').components['schemas']} Api
 *
 * @typedef {object} Account
 * @property {Api['Mandate']} mandate
 * @property {Api['Charge'][]} [charges] newest first; not read yet without
 * @property {Map<string, Api['Refund'][]>} refunds by the id of their charge
 * @property {string | null} cursor where older charges begin; null if these are all
 *
 * @typedef {object} Actions
 * @property {(account: Account) => void} withdraw
 * @property {(account: Account) => void} showMore
 */

/**
 * An account in use: the permission, what is used of it, its payments, and the way to end it.
 * @param {Account} shown
 * @param {Reader} reader
 * @param {Actions} actions
 */
export function activeAccount(shown, reader, actions) {
  const { mandate } = shown
  return element('article', { part: 'section', class: 'account', 'aria-labelledby': `name-${mandate.mandate_id}` },
    name(mandate, reader),
    element('p', { class: 'quiet' }, agreed(mandate, reader)),
    ...permission(mandate, reader),
    spending(mandate, reader),
    element('button', {
      part: 'secondary', class: 'secondary', type: 'button', id: `withdraw-${mandate.mandate_id}`,
      'aria-describedby': `name-${mandate.mandate_id}`, onclick: () => actions.withdraw(shown),
    }, reader.say('withdraw')),
    payments(shown, reader, actions))
}

/**
 * An account that ended. Its payments come when they are asked for.
 * @param {Account} shown
 * @param {Reader} reader
 * @param {Actions} actions
 */
export function endedAccount(shown, reader, actions) {
  const { mandate } = shown
  const ended = `${reader.say(`mandate_${mandate.status}`)} · ${agreed(mandate, reader)}`
  return element('article', { part: 'section', class: 'account', 'aria-labelledby': `name-${mandate.mandate_id}` },
    name(mandate, reader),
    element('p', { class: 'quiet' }, ended),
    mandate.payment_method_id && (shown.charges ? payments(shown, reader, actions) : more(shown, reader, actions)))
}

/** @param {Api['Mandate']} mandate @param {Reader} reader */
export const nameOf = (mandate, reader) => account(mandate.funding, reader).heard

/** @param {Api['Mandate']} mandate @param {Reader} reader */
export const businessOf = ({ permission }, { say }) => permission?.business_name ?? say('business')

/** @param {Api['Mandate']} mandate @param {Reader} reader */
function name({ mandate_id, funding }, reader) {
  const { seen, heard } = account(funding, reader)
  return element('h3', { id: `name-${mandate_id}`, 'aria-label': heard }, seen)
}

/** @param {Api['Mandate']} mandate @param {Reader} reader */
const agreed = ({ created_at }, reader) => reader.say('agreed_on', { date: day(created_at, reader) })

/** @param {Api['Mandate']} mandate @param {Reader} reader */
function permission({ permission: agreedTo }, reader) {
  if (!agreedTo) return [element('p', { part: 'text' }, reader.say('permission_unknown'))]
  const [first, ...others] = permissionInWords(agreedTo, reader)
  return [
    element('p', { part: 'text' }, first),
    others.length > 0 && element('ul', { part: 'list', class: 'plain' },
      ...others.map((sentence) => element('li', {}, sentence))),
  ]
}

/** @param {Api['Mandate']} mandate @param {Reader} reader */
function spending({ spending: spent, permission: agreedTo }, reader) {
  const limit = agreedTo?.limits.per_period?.amount
  if (!spent || !agreedTo || !limit) return null
  const inCurrency = (/** @type {number} */ minor) => money(minor, spent.currency, reader)
  const words = reader.say('spending',
    { used: inCurrency(spent.used), limit: inCurrency(limit), left: inCurrency(spent.left) })
  const dates = days(spent.period, zoneOf(agreedTo), reader)
  return element('div', { class: 'spending' },
    element('p', {}, words),
    element('meter', {
      part: 'meter', max: limit, value: spent.used, 'aria-label': reader.say('spending_meter', { days: dates }),
      'aria-valuetext': words,
    }),
    element('p', { class: 'quiet' }, dates))
}

/** @param {Account} shown @param {Reader} reader @param {Actions} actions */
function payments(shown, reader, actions) {
  const { charges = [], refunds, mandate } = shown
  return element('div', { class: 'payments' },
    element('h4', { id: `payments-${mandate.mandate_id}`, tabindex: '-1' }, reader.say('payments')),
    charges.length === 0
      ? element('p', { class: 'quiet' }, reader.say('payments_none'))
      : element('ul', { part: 'list', class: 'plain' },
        ...charges.map((charge) => payment(charge, refunds.get(charge.charge_id) ?? [], reader))),
    shown.cursor && more(shown, reader, actions))
}

/** @param {Api['Charge']} charge @param {Api['Refund'][]} refunds @param {Reader} reader */
function payment(charge, refunds, reader) {
  return element('li', { class: 'payment', id: charge.charge_id, tabindex: '-1', 'data-status': charge.status },
    element('span', { class: 'what' }, charge.description ?? charge.reference ?? ''),
    element('span', { class: 'amount' }, money(charge.amount, charge.currency, reader)),
    element('span', { class: 'quiet' },
      element('time', { datetime: charge.created_at }, day(charge.created_at, reader)),
      ' · ', element('span', { class: 'outcome' }, chargeInWords(charge, refunds, reader))),
    ...refunds.map((refund) => element('span', { class: 'quiet' }, refundInWords(refund, reader))))
}

/** @param {Account} shown @param {Reader} reader @param {Actions} actions */
function more(shown, reader, actions) {
  const { mandate_id } = shown.mandate
  return element('button', {
    part: 'secondary', class: 'secondary', type: 'button', id: `more-${mandate_id}`,
    'aria-describedby': `name-${mandate_id}`, onclick: () => actions.showMore(shown),
  }, reader.say(shown.charges ? 'payments_more' : 'payments_show'))
}
