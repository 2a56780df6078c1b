import assert from 'node:assert/strict'
import { test } from 'node:test'

import { sleeping, waitForOutcome } from '../waiting.js'
import { busy, fake, offline, ok, page, problem } from './fake-api.js'

const session = (status, last_failure = null) => ok({ status, last_failure })
const PENDING = session('pending')
const DECLINED = session('pending', 'payment_method_provider_decline')

test('it ends as soon as there is an outcome', async () => {
  for (const status of ['active', 'expired', 'revoked']) {
    const { client, requests } = fake({ answers: [PENDING, PENDING, session(status)] })
    const { outcome, session: last, problem: why } = await client.waitForOutcome('cs_a')
    assert.deepEqual([outcome, last.status, why, requests.length], [status, status, null, 3])
  }
})

test('a decline ends it at once', async () => {
  const { client, requests } = fake({ answers: [DECLINED] })
  assert.equal((await client.waitForOutcome('cs_a')).outcome, 'declined')
  assert.equal(requests.length, 1)
})

test('on success_url a decline of an earlier attempt does not hide the success', async () => {
  const { client } = fake({ answers: [DECLINED, DECLINED, session('active')] })
  assert.equal((await client.waitForOutcome('cs_a', { returned: true })).outcome, 'active')
  const outage = fake({ answers: [DECLINED, busy(5), busy(1), session('active')] })
  assert.equal((await outage.client.waitForOutcome('cs_a', { returned: true })).outcome, 'active')
  const { client: another, clock } = fake({ answers: [DECLINED] })
  const began = clock.ms
  assert.equal((await another.waitForOutcome('cs_a', { returned: true })).outcome, 'declined')
  assert.ok(clock.ms - began >= 3500 && clock.ms - began < 6000)
})

test('pauses grow up to eight seconds, with jitter', async () => {
  const { client, slept } = fake({ answers: [PENDING], random: () => 0 })
  assert.equal((await client.waitForOutcome('cs_a')).outcome, 'timed_out')
  assert.deepEqual(slept.slice(0, 3), [500, 750, 1125])
  assert.equal(Math.max(...slept), 4000)
  const { client: other, slept: longer } = fake({ answers: [PENDING], random: () => 0.999 })
  await other.waitForOutcome('cs_a')
  assert.ok(Math.max(...longer) > 7900 && Math.max(...longer) <= 8000)
})

test('it gives up when its time is over, having asked until then, and says why', async () => {
  const reasons = [[PENDING, undefined], [busy(1), 'busy'], [offline, 'unreachable'], [page(502), 'not_the_api']]
  for (const [answer, code] of reasons) {
    const { client, clock } = fake({ answers: [answer] })
    const began = clock.ms
    const { outcome, session: last, problem: why } = await client.waitForOutcome('cs_a', { timeout: 30_000 })
    assert.deepEqual([outcome, why?.code, last?.status], ['timed_out', code, code ? undefined : 'pending'])
    assert.equal(clock.ms - began, 30_000)
  }
})

test('a problem that passed is not the reason', async () => {
  const { client } = fake({ answers: [busy(1), PENDING] })
  const { outcome, problem: why } = await client.waitForOutcome('cs_a')
  assert.deepEqual([outcome, why], ['timed_out', null])
})

test('it survives what passes', async () => {
  const answers = [busy(1), offline, page(504), problem(500, 'internal_error'), PENDING, offline, session('active')]
  const { client } = fake({ answers })
  assert.deepEqual((await client.waitForOutcome('cs_a')).problem, null)
})

test('it waits as long as the API asks for', async () => {
  const { client, slept } = fake({ answers: [busy(9), session('active')] })
  await client.waitForOutcome('cs_a')
  assert.deepEqual(slept, [9000])
})

test('what repeating can not mend ends it', async () => {
  for (const [status, code] of [[404, 'not_found'], [401, 'unauthenticated'], [403, 'access_denied']]) {
    const { client } = fake({ answers: [PENDING, problem(status, code)] })
    await assert.rejects(client.waitForOutcome('cs_a'), { code })
  }
})

/** A page to wait on, whose sleep lasts until something wakes it. */
const waitingPage = () => {
  const document = Object.assign(new EventTarget(), { visibilityState: 'hidden' })
  const window = Object.assign(new EventTarget(), { document })
  let asked = 0
  const waiting = {
    page: window,
    now: () => 0,
    random: () => 0,
    sleep: (_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
    ask: async () => ({ status: ++asked > 1 ? 'active' : 'pending', last_failure: null }),
  }
  return { window, document, waiting, asked: () => asked }
}

test('it asks at once when the browser is online again', async () => {
  const { window, waiting } = waitingPage()
  const outcome = waitForOutcome(waiting)
  await new Promise(setImmediate)
  window.dispatchEvent(new Event('online'))
  assert.equal((await outcome).outcome, 'active')
})

test('it asks at once when the page is seen again, and not when it is hidden', async () => {
  const { document, waiting, asked } = waitingPage()
  const outcome = waitForOutcome(waiting)
  await new Promise(setImmediate)
  document.dispatchEvent(new Event('visibilitychange'))
  await new Promise(setImmediate)
  assert.equal(asked(), 1)
  document.visibilityState = 'visible'
  document.dispatchEvent(new Event('visibilitychange'))
  assert.equal((await outcome).outcome, 'active')
})

test('an abort ends it, and leaves no listener', async (t) => {
  const { window, document, waiting } = waitingPage()
  const listening = new Set()
  for (const target of [window, document]) {
    t.mock.method(target, 'addEventListener', (name) => listening.add(name))
    t.mock.method(target, 'removeEventListener', (name) => listening.delete(name))
  }
  const aborting = new AbortController()
  const outcome = waitForOutcome({ ...waiting, signal: aborting.signal })
  await new Promise(setImmediate)
  assert.deepEqual(listening, new Set(['visibilitychange', 'online']))
  aborting.abort()
  await assert.rejects(outcome, { name: 'AbortError' })
  assert.deepEqual(listening, new Set())
})

test('sleep ends early by its signal', async () => {
  const aborting = new AbortController()
  const long = sleeping(1_000_000, aborting.signal)
  aborting.abort()
  await long
  await sleeping(1_000_000, aborting.signal)
  await sleeping(1)
})
