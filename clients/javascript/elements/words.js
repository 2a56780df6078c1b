/** @import { Charge, Frequency, InWords, Mandate, Permission, Reader, Refund, Span } from './shapes.js' */

// What a permission, a charge and a refund are in words. Plurals are those of Intl's units, so no text has plural forms.

/** 1299 is $12.99, and ¥1,299. @param {number} minor @param {string} currency @param {Reader} reader */
export function money(minor, currency, { locale }) {
  const format = new Intl.NumberFormat(locale, { style: 'currency', currency })
  return format.format(minor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 0))
}

/** The day of an instant, where the reader is. @type {InWords<string>} */
export const day = (instant, { locale, zone }) => dates(locale, zone).format(new Date(instant))

/** The days of a span in the consent's zone. @param {Span} span @param {string} zone @param {Reader} reader */
export function days({ start, end }, zone, { locale }) {
  const first = new Date(start ?? 0)
  return dates(locale, zone).formatRange(first, end ? new Date(Date.parse(end) - 1) : first)
}

/** @param {string} locale @param {string} [timeZone] */
const dates = (locale, timeZone) => new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone })

/** The zone whose calendar counts (`Terms` in openapi.yaml). @param {Permission} permission */
export const zoneOf = ({ time_zone, limits }) => time_zone ?? limits.per_period?.time_zone ?? 'UTC'

/** An account's name to see, and to hear. @param {Mandate['funding']} card @param {Reader} reader */
export function account(card, { say }) {
  if (!card) return { seen: say('account'), heard: say('account') }
  const named = { brand: brandName(card.brand) || say('card'), last4: card.last4 }
  return { seen: say('account_seen', named), heard: say('account_heard', named) }
}

/** Stripe calls some brands by a code, such as `american_express`. @param {string} brand */
function brandName(brand) {
  if (brand.toLowerCase() === 'unknown') return ''
  if (brand !== brand.toLowerCase()) return brand
  return brand.replaceAll('_', ' ').replace(/\b[a-z]/g, (letter) => letter.toUpperCase())
}

/** Sentences, the most important one first. @param {Permission} permission @param {Reader} reader */
export const permissionInWords = (permission, reader) =>
  [mayCharge, limit, datesAgreed, notice, foreignZone].map((inWords) => inWords(permission, reader)).filter(Boolean)

/** @type {InWords<Permission>} */
function mayCharge({ business_name: business, frequency, amount: agreed, limits }, reader) {
  const { say } = reader
  const inCurrency = (/** @type {number} */ minor) => money(minor, limits.currency, reader)
  const amount = agreed.kind === 'fixed'
    ? inCurrency(agreed.amount)
    : say('up_to', { amount: inCurrency(limits.per_charge) })
  return frequency.kind === 'one_time'
    ? say('permission_once', { business, amount })
    : say('permission', { business, amount, when: howOften(frequency, reader) })
}

/** @type {InWords<Frequency>} */
function howOften(frequency, reader) {
  if (frequency.kind !== 'recurring') return reader.say('unscheduled')
  const { interval, every } = frequency
  return every === 1 ? reader.say(`every_${interval}`) : reader.say('every', { time: count(every, interval, reader) })
}

/** @type {InWords<Permission>} */
function limit({ limits: { currency, per_period: limit } }, reader) {
  return limit ? reader.say(`limit_${limit.period}`, { amount: money(limit.amount, currency, reader) }) : ''
}

/** Dates have no zone: they are formatted as they are read. @type {InWords<Permission>} */
function datesAgreed({ limits: { first_date, last_date } }, { say, locale }) {
  const [first, last] = [first_date, last_date].map((date) => date ? dates(locale, 'UTC').format(new Date(date)) : '')
  if (first && last) return say('dates', { first, last })
  if (first) return say('dates_from', { first })
  return last ? say('dates_until', { last }) : ''
}

/** Terms promise notice of varying amounts only (docs/charging.md, Notices). @type {InWords<Permission>} */
function notice({ amount, notice }, reader) {
  if (!notice || amount.kind === 'fixed') return ''
  const { hours } = notice
  const time = hours > 24 && hours % 24 === 0 ? count(hours / 24, 'day', reader) : count(hours, 'hour', reader)
  return reader.say('notice', { time })
}

/** Only if the calendar that counts is not the reader's own. @type {InWords<Permission>} */
function foreignZone(permission, { say, locale, zone: own }) {
  const { frequency, limits } = permission
  const counts = frequency.kind === 'recurring' || limits.per_period || limits.first_date || limits.last_date
  const zone = zoneName(locale, zoneOf(permission))
  return counts && zone !== zoneName(locale, own) ? say('time_zone', { zone }) : ''
}

/** `Eastern Time`, all year; UTC only has a full name. @param {string} locale @param {string} [timeZone] */
function zoneName(locale, timeZone) {
  const [generic, full] = /** @type {const} */ (['longGeneric', 'long']).map((timeZoneName) =>
    new Intl.DateTimeFormat(locale, { timeZone, timeZoneName }).formatToParts()
      .find(({ type }) => type === 'timeZoneName')?.value)
  return generic && !generic.startsWith('GMT') ? generic : full ?? ''
}

/** @param {number} number @param {string} unit @param {Reader} reader */
const count = (number, unit, { locale }) =>
  new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(number)

/** How a charge stands. @param {Charge} charge @param {Refund[]} refunds @param {Reader} reader */
export function chargeInWords({ status, amount, end_reason, will_retry_at }, refunds, reader) {
  const { say } = reader
  if (end_reason) return say(`ended_${end_reason}`)
  const given = refunds.reduce((sum, refund) => sum + (refund.status === 'succeeded' ? refund.amount : 0), 0)
  if (given > 0) return say(given < amount ? 'charge_refunded_in_part' : 'charge_refunded_in_full')
  return say(`charge_${status}`, { date: will_retry_at ? day(will_retry_at, reader) : '' })
}

/** @type {InWords<Refund>} */
export const refundInWords = ({ status, amount, currency, requested_at }, reader) =>
  reader.say(`refund_${status}`, { amount: money(amount, currency, reader), date: day(requested_at, reader) })
