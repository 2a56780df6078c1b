import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { de } from '../elements/de.js'
import { en } from '../elements/en.js'
import { account, chargeInWords, days, money, permissionInWords, refundInWords } from '../elements/words.js'

const contract = readFileSync(new URL('../../../openapi.yaml', import.meta.url), 'utf8')

/** @param {string} schema the name of an enum in openapi.yaml */
const wordsOf = (schema) => {
  const [, body] = contract.match(new RegExp(`\\n    ${schema}:\\n([\\s\\S]*?)\\n    [A-Z]`))
  const [, words] = body.match(/enum: \[([^\]]+)\]/)
  return words.split(', ')
}

const saying = (strings) => (key, values = {}) => {
  assert.ok(key in strings, `${key} has no words`)
  return strings[key].replace(/\{(\w+)\}/g, (_, name) => {
    assert.ok(name in values, `${key} is not given ${name}`)
    return values[name]
  })
}
const english = { say: saying(en), locale: 'en', zone: 'America/New_York' }
const german = { say: saying(de), locale: 'de', zone: 'Europe/Berlin' }
const plain = (text) => text.replace(/[\u00a0\u202f\u2009]/g, ' ')
const inWords = (permission, reader) => permissionInWords(permission, reader).map(plain)

/** What terms/example.yaml promises. */
const EXAMPLE = {
  business_name: 'Example Shop',
  frequency: { kind: 'unscheduled' },
  amount: { kind: 'variable' },
  limits: {
    currency: 'usd',
    per_charge: 30000,
    per_period: { amount: 100000, period: 'month', time_zone: 'America/New_York' },
  },
}
const having = (change, limits = {}) => ({ ...EXAMPLE, ...change, limits: { ...EXAMPLE.limits, ...limits } })
const ofNoPeriod = (change) => having(change, { per_period: undefined })

test('the example terms in English, for a reader in their zone', () => {
  assert.deepEqual(inWords(EXAMPLE, english), [
    'Example Shop may charge this account without a fixed schedule: up to $300.00 each time.',
    'All charges of one calendar month together: at most $1,000.00.',
  ])
})

test('the example terms in German, for a reader in another zone', () => {
  assert.deepEqual(inWords(EXAMPLE, german), [
    'Example Shop darf dieses Konto ohne festen Zeitplan belasten: jeweils höchstens 300,00 $.',
    'Alle Zahlungen eines Kalendermonats zusammen: höchstens 1.000,00 $.',
    'Zeitzone: Nordamerikanische Ostküstenzeit.',
  ])
})

const FREQUENCIES = [
  [{ kind: 'one_time' }, 'once', 'einmal'],
  [{ kind: 'unscheduled' }, 'without a fixed schedule', 'ohne festen Zeitplan'],
  [{ kind: 'recurring', interval: 'day', every: 1 }, 'once a day', 'einmal am Tag'],
  [{ kind: 'recurring', interval: 'week', every: 1 }, 'once a week', 'einmal in der Woche'],
  [{ kind: 'recurring', interval: 'month', every: 1 }, 'once a month', 'einmal im Monat'],
  [{ kind: 'recurring', interval: 'year', every: 1 }, 'once a year', 'einmal im Jahr'],
  [{ kind: 'recurring', interval: 'day', every: 2 }, 'once every 2 days', 'einmal alle 2 Tage'],
  [{ kind: 'recurring', interval: 'week', every: 2 }, 'once every 2 weeks', 'einmal alle 2 Wochen'],
  [{ kind: 'recurring', interval: 'month', every: 3 }, 'once every 3 months', 'einmal alle 3 Monate'],
  [{ kind: 'recurring', interval: 'year', every: 5 }, 'once every 5 years', 'einmal alle 5 Jahre'],
]

test('every frequency, with a fixed amount and one that varies', () => {
  for (const [frequency, when, wann] of FREQUENCIES) {
    const once = frequency.kind === 'one_time'
    const fixed = ofNoPeriod({ frequency, amount: { kind: 'fixed', amount: 1299 } })
    const varying = ofNoPeriod({ frequency })
    const [each, jeweils] = once ? ['', ''] : [' each time', 'jeweils ']
    const abroad = frequency.kind === 'recurring' ? ['Time zone: Coordinated Universal Time.'] : []
    const woanders = frequency.kind === 'recurring' ? ['Zeitzone: Koordinierte Weltzeit.'] : []
    const may = `Example Shop may charge this account ${when}`
    const darf = `Example Shop darf dieses Konto ${wann} belasten`
    assert.deepEqual(inWords(fixed, english), [`${may}: $12.99${each}.`, ...abroad])
    assert.deepEqual(inWords(varying, english), [`${may}: up to $300.00${each}.`, ...abroad])
    assert.deepEqual(inWords(fixed, german), [`${darf}: ${jeweils}12,99 $.`, ...woanders])
    assert.deepEqual(inWords(varying, german), [`${darf}: ${jeweils}höchstens 300,00 $.`, ...woanders])
  }
})

test('the limit of every period', () => {
  const limited = (period) => having({}, { per_period: { amount: 5000, period, time_zone: 'America/New_York' } })
  const second = (period, reader) => inWords(limited(period), reader)[1]
  assert.deepEqual(['day', 'week', 'month', 'year'].map((period) => second(period, english)), [
    'All charges of one day together: at most $50.00.',
    'All charges of one calendar week together: at most $50.00.',
    'All charges of one calendar month together: at most $50.00.',
    'All charges of one calendar year together: at most $50.00.',
  ])
  assert.deepEqual(['day', 'week', 'month', 'year'].map((period) => second(period, german)), [
    'Alle Zahlungen eines Tages zusammen: höchstens 50,00 $.',
    'Alle Zahlungen einer Kalenderwoche zusammen: höchstens 50,00 $.',
    'Alle Zahlungen eines Kalendermonats zusammen: höchstens 50,00 $.',
    'Alle Zahlungen eines Kalenderjahres zusammen: höchstens 50,00 $.',
  ])
})

test('dates are those of the calendar, wherever the reader is', () => {
  const dated = (limits) => having({ time_zone: 'Pacific/Auckland' }, { per_period: undefined, ...limits })
  const dates = (limits, reader) => inWords(dated(limits), { ...reader, zone: 'Pacific/Auckland' })[1]
  const both = { first_date: '2027-01-01', last_date: '2027-12-31' }
  assert.equal(dates(both, english), 'From January 1, 2027 up to and including December 31, 2027.')
  assert.equal(dates(both, german), 'Vom 1. Januar 2027 bis einschließlich 31. Dezember 2027.')
  assert.equal(dates({ first_date: '2027-01-01' }, english), 'From January 1, 2027 on.')
  assert.equal(dates({ first_date: '2027-01-01' }, german), 'Ab 1. Januar 2027.')
  assert.equal(dates({ last_date: '2027-12-31' }, english), 'Up to and including December 31, 2027.')
  assert.equal(dates({ last_date: '2027-12-31' }, german), 'Bis einschließlich 31. Dezember 2027.')
})

test('notice in hours, and in days where they are whole', () => {
  const noticed = (hours, reader) => inWords(ofNoPeriod({ notice: { hours } }), reader)[1]
  assert.equal(noticed(1, english), 'You are told at least 1 hour before each charge.')
  assert.equal(noticed(24, english), 'You are told at least 24 hours before each charge.')
  assert.equal(noticed(36, english), 'You are told at least 36 hours before each charge.')
  assert.equal(noticed(168, english), 'You are told at least 7 days before each charge.')
  assert.equal(noticed(1, german), 'Sie werden mindestens 1 Stunde vor jeder Zahlung benachrichtigt.')
  assert.equal(noticed(48, german), 'Sie werden mindestens 2 Tage vor jeder Zahlung benachrichtigt.')
})

test('terms promise no notice of a fixed amount', () => {
  const fixed = ofNoPeriod({ amount: { kind: 'fixed', amount: 1299 }, notice: { hours: 48 } })
  assert.equal(inWords(fixed, english).length, 1)
})

test('the zone is named only if its calendar counts and is not the reader\'s', () => {
  const zoneTold = (change, limits, zone) =>
    inWords(having(change, limits), { ...english, zone }).find((line) => line.startsWith('Time zone'))
  const berlin = { time_zone: 'Europe/Berlin' }
  const ofNone = { per_period: undefined }
  assert.equal(zoneTold({}, {}, 'America/New_York'), undefined)
  assert.equal(zoneTold({}, {}, 'America/Detroit'), undefined, 'the same time under another name')
  assert.equal(zoneTold({}, {}, 'Europe/Berlin'), 'Time zone: Eastern Time.')
  assert.equal(zoneTold(berlin, ofNone, 'Asia/Tokyo'), undefined, 'nothing is counted')
  assert.equal(zoneTold(berlin, { ...ofNone, last_date: '2027-12-31' }, 'Asia/Tokyo'),
    'Time zone: Central European Time.')
  assert.equal(zoneTold({}, { ...ofNone, last_date: '2027-12-31' }, 'Asia/Tokyo'),
    'Time zone: Coordinated Universal Time.', 'UTC if the terms name none')
})

test('amounts have the digits of each of the twelve currencies', () => {
  const digits = (minor) => Object.fromEntries(
    ['aud', 'chf', 'dkk', 'eur', 'gbp', 'hkd', 'jpy', 'nok', 'nzd', 'sek', 'usd', 'zar'].map(
      (currency) => [currency, money(minor, currency, english).replace(/[^0-9.,]/g, '')]),
  )
  const { jpy, ...others } = digits(99999999)
  assert.equal(jpy, '99,999,999')
  assert.deepEqual(new Set(Object.values(others)), new Set(['999,999.99']))
  assert.equal(digits(5).jpy, '5')
  assert.equal(digits(5).usd, '0.05')
  assert.equal(plain(money(1299, 'jpy', german)), '1.299 ¥')
  assert.equal(plain(money(1299, 'eur', german)), '12,99 €')
})

test('a period has the days of the consent\'s calendar and not the reader\'s', () => {
  const november = { start: '2026-11-01T04:00:00Z', end: '2026-12-01T05:00:00Z' }
  assert.equal(plain(days(november, 'America/New_York', english)), 'November 1 – 30, 2026')
  assert.equal(plain(days(november, 'America/New_York', german)), '1.–30. November 2026')
  const oneDay = { start: '2026-11-01T00:00:00Z', end: '2026-11-02T00:00:00Z' }
  assert.equal(days(oneDay, 'UTC', english), 'November 1, 2026')
  assert.equal(days({ ...oneDay, end: null }, 'UTC', english), 'November 1, 2026')
})

test('an account has the name of its card once it is known', () => {
  assert.equal(account(null, english).seen, 'Amazon Pay')
  assert.deepEqual(account({ brand: 'Visa', last4: '4242' }, english), {
    seen: 'Amazon Pay · Visa ••••\u00a04242',
    heard: 'Amazon Pay, Visa ending in 4242',
  })
  assert.equal(account({ brand: 'american_express', last4: '0005' }, german).seen,
    'Amazon Pay · American Express ••••\u00a00005')
  assert.equal(account({ brand: 'unknown', last4: '0005' }, german).seen, 'Amazon Pay · Karte ••••\u00a00005')
})

const PAID = { status: 'succeeded', amount: 1299, currency: 'usd', end_reason: null, will_retry_at: null }
const GIVEN_BACK = { status: 'succeeded', amount: 1299, currency: 'usd', requested_at: '2026-11-28T02:00:00Z' }
const charge = (change) => ({ ...PAID, ...change })
const refund = (change) => ({ ...GIVEN_BACK, ...change })

test('every status of a charge, every reason for its end and every status of a refund has words', () => {
  for (const reader of [english, german]) {
    for (const status of wordsOf('ChargeStatus').filter((word) => !['failed', 'canceled'].includes(word))) {
      assert.ok(chargeInWords(charge({ status, will_retry_at: '2026-12-01T12:00:00Z' }), [], reader))
    }
    for (const end_reason of wordsOf('ChargeEndReason')) {
      assert.ok(chargeInWords(charge({ status: 'failed', end_reason }), [], reader))
    }
    for (const status of wordsOf('RefundStatus')) assert.ok(refundInWords(refund({ status }), reader))
  }
})

test('a charge is refunded once its refunds are, and in part until then', () => {
  const said = (refunds) => chargeInWords(charge({}), refunds, english)
  assert.equal(said([]), 'Paid')
  assert.equal(said([refund({ status: 'pending' })]), 'Paid')
  assert.equal(said([refund({ status: 'failed' })]), 'Paid')
  assert.equal(said([refund({ amount: 500 })]), 'Refunded in part')
  assert.equal(said([refund({ amount: 500 }), refund({ amount: 799, status: 'pending' })]), 'Refunded in part')
  assert.equal(said([refund({ amount: 500 }), refund({ amount: 799 })]), 'Refunded in full')
})

test('when a charge is tried again is a day in the reader\'s zone', () => {
  const retrying = charge({ status: 'retrying', will_retry_at: '2026-12-01T02:00:00Z' })
  assert.equal(chargeInWords(retrying, [], english), 'Declined. Will be tried again on November 30, 2026.')
  assert.equal(chargeInWords(retrying, [], german), 'Abgelehnt. Neuer Versuch am 1. Dezember 2026.')
  assert.equal(plain(refundInWords(refund({}), english)), 'Refund of $12.99 made on November 27, 2026')
})
