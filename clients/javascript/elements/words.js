/**
 * What a permission, a charge, a refund and a period are in words. Nothing here reads the page.
 *
 * Plurals come from `Intl.NumberFormat` with `style: 'unit'`, so strings need no plural forms.
 *
 * @typedef {import('../api.d.ts').components['schemas']} Api
 * @typedef {'day' | 'week' | 'month' | 'year'} Period
 * @typedef {object} Permission What `permission` of a mandate has, in the API's own words.
 * @property {string} business_name
 * @property {{ kind: string, interval?: Period, every?: number }} frequency
 * @property {{ kind: string, amount?: number }} amount in minor units of `limits.currency`
 * @property {{ currency: string, per_charge: number, first_date?: string, last_date?: string,
 *   per_period?: { amount: number, period: Period, time_zone: string } }} limits
 * @property {{ hours: number }} [notice]
 * @property {string} [time_zone] IANA
 * @typedef {{ start: string, end: string | null }} Span from `start` on, before `end`
 *
 * @typedef {object} Reader Whoever reads the words.
 * @property {(key: string, values?: Record<string, string>) => string} say a text of `en.js`, in their language
 * @property {string} locale for numbers and dates
 * @property {string} [zone] the reader's own time zone (IANA); the browser's without
 */

/**
 * @param {number} minor in minor units: 1299 is $12.99, and ¥1,299
 * @param {string} currency ISO 4217
 * @param {Reader} reader
 */
export function money(minor, currency, { locale }) {
  const format = new Intl.NumberFormat(locale, { style: 'currency', currency })
  const { maximumFractionDigits = 0 } = format.resolvedOptions()
  return format.format(minor / 10 ** maximumFractionDigits)
}

/**
 * The day of an instant, in the reader's own zone.
 * @param {string} instant
 * @param {Reader} reader
 */
export function day(instant, { locale, zone }) {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: zone }).format(new Date(instant))
}

/**
 * A date without a time, such as `2026-11-27`, in no zone at all.
 * @param {string} date
 * @param {Reader} reader
 */
export function calendarDate(date, { locale }) {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(`${date}T00:00Z`))
}

/**
 * The days of a span, as the consent's calendar has them.
 * @param {Span} span
 * @param {string} zone the consent's
 * @param {Reader} reader
 */
export function days({ start, end }, zone, reader) {
  const format = new Intl.DateTimeFormat(reader.locale, { dateStyle: 'long', timeZone: zone })
  const first = new Date(start)
  return end ? format.formatRange(first, new Date(Date.parse(end) - 1)) : format.format(first)
}

/**
 * The zone whose calendar counts, as the API's `Terms` say.
 * @param {Permission} permission
 */
export function zoneOf({ time_zone, limits }) {
  return time_zone ?? limits.per_period?.time_zone ?? 'UTC'
}

/**
 * `Amazon Pay · Visa •••• 4242` to see and `Amazon Pay, Visa ending in 4242` to hear; without a card just `Amazon Pay`.
 * @param {{ brand: string, last4: string } | null} funding
 * @param {Reader} reader
 */
export function account(funding, { say }) {
  if (!funding) return { seen: say('account'), heard: say('account') }
  const card = { brand: brandName(funding.brand) || say('card'), last4: funding.last4 }
  return { seen: say('account_seen', card), heard: say('account_heard', card) }
}

/**
 * Stripe calls some brands by a code, such as `american_express`.
 * @param {string} brand
 */
function brandName(brand) {
  if (brand.toLowerCase() === 'unknown') return ''
  if (brand !== brand.toLowerCase()) return brand
  return brand.replaceAll('_', ' ').replace(/\b[a-z]/g, (letter) => letter.toUpperCase())
}

/**
 * What the customer permitted: the most important sentence first.
 * @param {Permission} permission
 * @param {Reader} reader
 */
export function permissionInWords(permission, reader) {
  return [
    whatMayBeCharged(permission, reader),
    limitOfPeriod(permission, reader),
    datesAgreed(permission, reader),
    noticePromised(permission, reader),
    zoneIfForeign(permission, reader),
  ].filter((sentence) => sentence !== '')
}

/** @param {Permission} permission @param {Reader} reader */
function whatMayBeCharged({ business_name, frequency, amount, limits }, reader) {
  const { say } = reader
  const figure = amount.kind === 'fixed' && amount.amount
    ? money(amount.amount, limits.currency, reader)
    : say('up_to', { amount: money(limits.per_charge, limits.currency, reader) })
  if (frequency.kind === 'one_time') return say('permission_once', { business: business_name, amount: figure })
  return say('permission', { business: business_name, when: howOften(frequency, reader), amount: figure })
}

/** @param {Permission['frequency']} frequency @param {Reader} reader */
function howOften({ interval, every = 1 }, reader) {
  if (!interval) return reader.say('unscheduled')
  return every === 1 ? reader.say(`every_${interval}`) : reader.say('every', { time: count(every, interval, reader) })
}

/** @param {Permission} permission @param {Reader} reader */
function limitOfPeriod({ limits }, reader) {
  const limit = limits.per_period
  return limit ? reader.say(`limit_${limit.period}`, { amount: money(limit.amount, limits.currency, reader) }) : ''
}

/** @param {Permission} permission @param {Reader} reader */
function datesAgreed({ limits }, reader) {
  const first = limits.first_date ? calendarDate(limits.first_date, reader) : ''
  const last = limits.last_date ? calendarDate(limits.last_date, reader) : ''
  if (first && last) return reader.say('dates', { first, last })
  if (first) return reader.say('dates_from', { first })
  return last ? reader.say('dates_until', { last }) : ''
}

/**
 * Notice is promised of varying amounts only (docs/charging.md, Notices).
 * @param {Permission} permission @param {Reader} reader
 */
function noticePromised({ amount, notice }, reader) {
  if (!notice || amount.kind === 'fixed') return ''
  const { hours } = notice
  const time = hours > 24 && hours % 24 === 0 ? count(hours / 24, 'day', reader) : count(hours, 'hour', reader)
  return reader.say('notice', { time })
}

/**
 * Only where a calendar counts, and only if it is not the reader's own.
 * @param {Permission} permission @param {Reader} reader
 */
function zoneIfForeign(permission, reader) {
  const { frequency, limits } = permission
  const counts = frequency.kind === 'recurring' || limits.per_period || limits.first_date || limits.last_date
  const zone = zoneName(zoneOf(permission), reader.locale)
  return counts && zone !== zoneName(reader.zone, reader.locale) ? reader.say('time_zone', { zone }) : ''
}

/**
 * `Eastern Time`, the whole year round. UTC has no such name, only a full one.
 * @param {string | undefined} timeZone @param {string} locale
 */
function zoneName(timeZone, locale) {
  /** @param {'longGeneric' | 'long'} timeZoneName */
  const name = (timeZoneName) => new Intl.DateTimeFormat(locale, { timeZone, timeZoneName })
    .formatToParts().find(({ type }) => type === 'timeZoneName')?.value ?? ''
  const generic = name('longGeneric')
  return generic.startsWith('GMT') ? name('long') : generic
}

/** @param {number} number @param {Period | 'hour'} unit @param {Reader} reader */
function count(number, unit, { locale }) {
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(number)
}

/**
 * How a charge stands.
 * @param {Api['Charge']} charge
 * @param {Api['Refund'][]} refunds
 * @param {Reader} reader
 */
export function chargeInWords(charge, refunds, reader) {
  const { say } = reader
  if (charge.end_reason) return say(`ended_${charge.end_reason}`)
  const date = charge.will_retry_at ? day(charge.will_retry_at, reader) : ''
  return say(`charge_${charge.status === 'succeeded' ? refundedState(charge, refunds) : charge.status}`, { date })
}

/** @param {Api['Charge']} charge @param {Api['Refund'][]} refunds */
function refundedState({ amount }, refunds) {
  const given = refunds.reduce((sum, refund) => sum + (refund.status === 'succeeded' ? refund.amount : 0), 0)
  if (given === 0) return 'succeeded'
  return given < amount ? 'refunded_in_part' : 'refunded_in_full'
}

/**
 * @param {Api['Refund']} refund
 * @param {Reader} reader
 */
export function refundInWords({ status, amount, currency, requested_at }, reader) {
  return reader.say(`refund_${status}`, { amount: money(amount, currency, reader), date: day(requested_at, reader) })
}
