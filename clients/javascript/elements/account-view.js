import { element } from './dom.js'
import { account, chargeInWords, day, days, money, permissionInWords, refundInWords, zoneOf } from './words.js'

/** @import { Child } from './dom.js' */
/** @import { Account, Actions, Charge, InWords, Mandate, Reader, Refund, View } from './shapes.js' */

/** The permission, what is used of it, the way to end it, and the payments. @type {View} */
export const activeAccount = (shown, reader, actions) =>
  article(shown.mandate, agreed(shown.mandate, reader), reader,
    ...permission(shown.mandate, reader),
    spending(shown.mandate, reader),
    button('withdraw', shown.mandate, reader.say('withdraw'), () => actions.withdraw(shown)),
    payments(shown, reader, actions))

/** An account that ended. Its payments come when they are asked for. @type {View} */
export const endedAccount = (shown, reader, actions) =>
  article(shown.mandate, `${reader.say('account_withdrawn')} · ${agreed(shown.mandate, reader)}`, reader,
    (shown.charges ? payments : more)(shown, reader, actions))

/** @param {Mandate} mandate @param {string} about @param {Reader} reader @param {...Child} children */
function article({ mandate_id, funding }, about, reader, ...children) {
  const { seen, heard } = account(funding, reader)
  const id = `name-${mandate_id}`
  return element('article', { part: 'section', class: 'account', 'aria-labelledby': id },
    element('h3', { id, 'aria-label': heard }, seen),
    element('p', { class: 'quiet' }, about),
    ...children)
}

/** @param {string} act @param {Mandate} mandate @param {string} text @param {(made: HTMLElement) => void} action */
function button(act, { mandate_id }, text, action) {
  const made = element('button', {
    part: 'secondary', class: 'secondary', type: 'button', id: `${act}-${mandate_id}`,
    'aria-describedby': `name-${mandate_id}`, onclick: () => action(made),
  }, text)
  return made
}

/** @type {InWords<Mandate>} */
const agreed = ({ created_at }, reader) => reader.say('agreed_on', { date: day(created_at, reader) })

/** @param {Mandate} mandate @param {Reader} reader */
function permission({ permission }, reader) {
  const [first, ...others] = permission ? permissionInWords(permission, reader) : [reader.say('permission_unknown')]
  return [
    element('p', { part: 'text' }, first),
    others.length > 0 && list(others.map((sentence) => element('li', {}, sentence))),
  ]
}

/** @param {HTMLLIElement[]} items */
const list = (items) => element('ul', { part: 'list', class: 'plain', role: 'list' }, ...items)

/** @param {Mandate} mandate @param {Reader} reader */
function spending({ spending, permission }, reader) {
  const max = permission?.limits.per_period?.amount
  if (!spending || !permission || !max) return null
  const { used, left, currency, period } = spending
  const [usedUp, limit, leftOver] = [used, max, left].map((minor) => money(minor, currency, reader))
  const words = reader.say('spending', { used: usedUp, limit, left: leftOver })
  const inDays = days(period, zoneOf(permission), reader)
  return element('div', { class: 'spending' },
    element('p', {}, words),
    element('meter', {
      part: 'meter', max, value: used, 'aria-valuetext': words,
      'aria-label': reader.say('spending_meter', { days: inDays }),
    }),
    element('p', { class: 'quiet' }, inDays))
}

/** @type {View} */
function payments(shown, reader, actions) {
  const { charges = [], refunds, mandate, cursor } = shown
  return element('div', { class: 'payments' },
    element('h4', { id: `payments-${mandate.mandate_id}`, tabindex: '-1' }, reader.say('payments')),
    charges.length > 0
      ? list(charges.map((charge) => payment(charge, refunds.get(charge.charge_id) ?? [], reader)))
      : element('p', { class: 'quiet' }, reader.say('payments_none')),
    cursor && more(shown, reader, actions))
}

/** @param {Charge} charge @param {Refund[]} refunds @param {Reader} reader */
const payment = (charge, refunds, reader) =>
  element('li', { class: 'payment', id: charge.charge_id, tabindex: '-1', 'data-status': charge.status },
    element('span', {}, charge.description ?? charge.reference ?? ''),
    element('span', { class: 'amount' }, money(charge.amount, charge.currency, reader)),
    element('span', { class: 'quiet' },
      `${day(charge.created_at, reader)} · `,
      element('span', { class: 'outcome' }, chargeInWords(charge, refunds, reader))),
    ...refunds.map((refund) => element('span', { class: 'quiet' }, refundInWords(refund, reader))))

/** @type {View} */
const more = (shown, reader, { showMore }) =>
  button('more', shown.mandate, reader.say(shown.charges ? 'payments_more' : 'payments_show'),
    (made) => showMore(shown, made))
