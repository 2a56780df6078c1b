import assert from 'node:assert/strict'
import { test } from 'node:test'

import { busy, fake, offline, ok, page, problem } from './fake-api.js'

const stalls = ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
const FAILED = problem(500, 'internal_error')
const CHARGE = { amount: 1299, currency: 'usd', reference: 'order-42', description: 'Order 42' }

test('a busy API is asked again after the seconds it names', async () => {
  const { client, slept, requests } = fake({ answers: [busy(2), busy(3), ok({ charge_id: 'chg_a' })] })
  assert.equal((await client.charge('chg_a')).charge_id, 'chg_a')
  assert.deepEqual(slept, [2000, 3000])
  assert.equal(requests.length, 3)
})

test('Retry-After may be a date', async () => {
  const { client, clock, slept } = fake({ answers: [() => busy(new Date(clock.ms + 4000).toUTCString()), ok()] })
  await client.charge('chg_a')
  assert.deepEqual(slept, [4000])
})

test('a date that is over is no reason to wait, and nonsense is none at all', async () => {
  for (const [told, wait] of [['Fri, 01 Jan 2021 00:00:00 GMT', 0], ['soon', 800 * 0.5]]) {
    const { client, slept } = fake({ answers: [busy(told), ok()], random: () => 0.5 })
    await client.charge('chg_a')
    assert.deepEqual(slept, [wait + 200])
  }
})

test('jitter only ever adds to what the API asked for', async () => {
  const { client, slept } = fake({ answers: [busy(2), ok()], random: () => 0.99 })
  await client.charge('chg_a')
  assert.ok(slept[0] >= 2000 && slept[0] < 2400)
})

test('without Retry-After pauses grow', async () => {
  const { client, slept } = fake({ answers: [FAILED, FAILED, ok()], random: () => 0.5 })
  await client.charge('chg_a')
  assert.deepEqual(slept, [600, 1000])
})

test('three tries are the most', async () => {
  const { client, requests } = fake({ answers: [busy(1)] })
  await assert.rejects(client.charge('chg_a'), { code: 'busy', status: 503, retryAfter: 1, retryable: true })
  assert.equal(requests.length, 3)
})

test('a wait beyond twenty seconds in all is left to the caller', async () => {
  for (const answers of [[busy(21)], [busy(15), busy(6)], [busy(999999999999)]]) {
    const { client, requests } = fake({ answers })
    await assert.rejects(client.charge('chg_a'), { code: 'busy' })
    assert.equal(requests.length, answers.length)
  }
})

test('an hour to wait for another checkout is told at once', async () => {
  const { client, slept } = fake({ answers: [problem(429, 'too_many_checkouts', {}, { 'Retry-After': '3599' })] })
  const opening = client.openCheckout({ terms: {}, accepted: true, success_url: 'a', cancel_url: 'b' })
  await assert.rejects(opening, { code: 'too_many_checkouts', retryAfter: 3599, retryable: true })
  assert.deepEqual(slept, [])
})

test('what only the operator can mend is not repeated', async () => {
  for (const [status, code] of [[500, 'ledger_unreadable'], [502, 'stripe_refused'], [502, 'unknown_at_stripe']]) {
    const { client, requests } = fake({ answers: [problem(status, code)] })
    await assert.rejects(client.mandate('mdt_a'), { code, retryable: false })
    assert.equal(requests.length, 1)
  }
})

test('a refusal is not repeated', async () => {
  const refusals = [[400, 'invalid_request'], [403, 'request_blocked'], [404, 'not_found'], [409, 'terms_changed']]
  for (const [status, code] of refusals) {
    const { client, requests } = fake({ answers: [problem(status, code)] })
    await assert.rejects(client.charge('chg_a'), { code, status, retryable: false })
    assert.equal(requests.length, 1)
  }
})

test('a charge is repeated under its own key and with the same body', async () => {
  const { client, requests } = fake({ answers: [offline, problem(504, 'internal_error'), ok({ status: 'succeeded' })] })
  assert.equal((await client.createCharge('mdt_a', CHARGE, { idempotencyKey: 'order-42' })).status, 'succeeded')
  assert.deepEqual(requests.map(({ headers }) => headers['idempotency-key']), Array(3).fill('order-42'))
  assert.deepEqual(requests.map(({ body }) => JSON.parse(body)), Array(3).fill(CHARGE))
})

test('a charge or refund without a key of its own is not sent', async () => {
  const { client, requests } = fake()
  for (const options of [undefined, {}, { idempotencyKey: '' }, { idempotencyKey: 42 }]) {
    await assert.rejects(client.createCharge('mdt_a', CHARGE, options), TypeError)
    await assert.rejects(client.createRefund('chg_a', {}, options), TypeError)
  }
  assert.deepEqual(requests, [])
})

test('a POST that moves money is never repeated without a key', async () => {
  for (const answer of [offline, busy(1), FAILED, problem(429, 'too_many_requests'), page(502)]) {
    const { client, requests, slept } = fake({ answers: [answer] })
    const sending = client.ask({ method: 'POST', path: '/mandates/mdt_a/charges', body: CHARGE })
    await assert.rejects(sending, { name: 'Problem' })
    assert.deepEqual([requests.length, slept], [1, []])
  }
})

test('a POST that is harmless to repeat is repeated', async () => {
  const calls = [
    (client) => client.openCheckout({ terms: {}, accepted: true, success_url: 'a', cancel_url: 'b' }),
    (client) => client.recordReturn('cs_a', 'token'),
    (client) => client.revoke('mdt_a'),
    (client) => client.checkCharge('mdt_a', CHARGE),
    (client) => client.cancelCharge('chg_a'),
    (client) => client.recordNotice('mdt_a', { amount: 1, date: '2026-12-01', reference: 'm' }),
  ]
  for (const call of calls) {
    const { client, requests } = fake({ answers: [offline, ok()] })
    await call(client)
    assert.equal(requests.length, 2)
    assert.equal(requests[0].body, requests[1].body)
  }
})

test('no answer is `unreachable`, with what happened as its cause', async () => {
  const { client, requests } = fake({ answers: [offline] })
  await assert.rejects(client.terms(), (problem) => {
    assert.deepEqual([problem.code, problem.status, problem.retryable], ['unreachable', null, true])
    assert.equal(problem.cause.message, 'fetch failed')
    return true
  })
  assert.equal(requests.length, 3)
})

test('an answer that stalls is given up', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { client, clock } = fake({ answers: [stalls] })
  const asking = client.charge('chg_a')
  const expected = assert.rejects(asking, { code: 'unreachable' })
  await new Promise(setImmediate)
  clock.ms += 35_000
  t.mock.timers.tick(35_000)
  await expected
})

test('an abort ends a request, and is not a problem', async () => {
  const calls = [
    (client, signal) => client.charge('chg_a', { signal }),
    (client, signal) => client.waitForOutcome('cs_a', { signal }),
    (client, signal) => client.ask({ method: 'POST', path: '/not-harmless-to-repeat', signal }),
  ]
  for (const call of calls) {
    const aborting = new AbortController()
    const { client, requests, slept } = fake({ answers: [stalls] })
    const expected = assert.rejects(call(client, aborting.signal), { name: 'AbortError' })
    await new Promise(setImmediate)
    aborting.abort()
    await expected
    assert.deepEqual([requests.length, slept], [1, []])
  }
})

test('an abort during a pause sends nothing more, and one before sends nothing at all', async () => {
  const aborting = new AbortController()
  const { client, requests } = fake({ answers: [() => (aborting.abort(new Error('left the page')), busy(1))] })
  await assert.rejects(client.charge('chg_a', { signal: aborting.signal }), { message: 'left the page' })
  await assert.rejects(client.charge('chg_a', { signal: aborting.signal }), { message: 'left the page' })
  assert.equal(requests.length, 1)
})
