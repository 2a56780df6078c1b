import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'

import { fake, jwt, offline, ok, problem, TOKEN } from './fake-api.js'

const refused = () => problem(401, 'unauthenticated')
const bearer = ({ headers }) => headers.authorization.replace('Bearer ', '')
/** Accepts only the token that a refresh gives. */
const FRESH = jwt({ sub: 'customer-1', fresh: true })
const onlyFresh = (request) => (bearer(request) === FRESH ? ok() : refused())
const getToken = async ({ refresh }) => (refresh ? FRESH : TOKEN)

test('the token is asked for once, and kept', async () => {
  const { client, asked, requests } = fake()
  await Promise.all([client.charge('chg_a'), client.charge('chg_b')])
  await client.charge('chg_c')
  assert.deepEqual(asked, [{ refresh: false }])
  assert.ok(requests.every((request) => bearer(request) === TOKEN))
})

test('a refused token is replaced, and the request repeated once', async () => {
  const { client, asked, requests } = fake({ answers: [onlyFresh], getToken })
  await client.createCharge('mdt_a', {}, { idempotencyKey: 'k' })
  assert.deepEqual(asked, [{ refresh: false }, { refresh: true }])
  assert.deepEqual(requests.map(bearer), [TOKEN, FRESH])
})

test('what one customer asked for is not repeated for another who signed in meanwhile', async () => {
  const other = jwt({ sub: 'customer-2' })
  const answers = [(request) => (bearer(request) === TOKEN ? refused() : ok())]
  const { client, requests } = fake({ answers, getToken: ({ refresh }) => (refresh ? other : TOKEN) })
  await assert.rejects(client.openCheckout({ terms: {}, accepted: true }), { code: 'unauthenticated', status: 401 })
  assert.deepEqual(requests.map(bearer), [TOKEN])
  assert.equal(await client.customerId(), 'customer-2')
})

test('a second refusal is the answer', async () => {
  const { client, asked, requests } = fake({ answers: [refused], getToken })
  await assert.rejects(client.charge('chg_a'), { code: 'unauthenticated', status: 401 })
  assert.deepEqual([asked.length, requests.length], [2, 2])
})

test('many requests share one refresh', async () => {
  const { client, asked } = fake({ answers: [onlyFresh], getToken })
  await Promise.all(Array.from({ length: 20 }, (_, at) => client.charge(`chg_${at}`)))
  assert.deepEqual(asked, [{ refresh: false }, { refresh: true }])
})

test('a refusal that comes after the refresh uses what the refresh gave', async () => {
  let answerLate
  const late = new Promise((resolve) => (answerLate = () => resolve(refused())))
  const { client, asked } = fake({ answers: [() => late, onlyFresh], getToken })
  const first = client.charge('chg_a')
  await new Promise(setImmediate)
  await client.charge('chg_b')
  answerLate()
  await first
  assert.equal(asked.filter(({ refresh }) => refresh).length, 1)
})

test('while a token is being replaced, nothing is sent with the old one', async () => {
  let refresh
  const coming = new Promise((resolve) => (refresh = () => resolve(FRESH)))
  const { client, requests } = fake({ answers: [onlyFresh], getToken: (asked) => (asked.refresh ? coming : TOKEN) })
  const first = client.charge('chg_a')
  await new Promise(setImmediate)
  const second = client.charge('chg_b')
  await new Promise(setImmediate)
  refresh()
  await Promise.all([first, second])
  assert.deepEqual(requests.map(bearer), [TOKEN, FRESH, FRESH])
})

test('a token is replaced before it expires', async () => {
  const seconds = 1_800_000_000
  const short = jwt({ sub: 'a', exp: seconds + 60 })
  const { client, asked, clock } = fake({ getToken: () => short })
  await client.charge('chg_a')
  clock.ms = (seconds + 29) * 1000
  await client.charge('chg_a')
  assert.equal(asked.length, 1)
  clock.ms = (seconds + 30) * 1000
  await client.charge('chg_a')
  assert.deepEqual(asked, [{ refresh: false }, { refresh: true }])
})

test('nobody signed in is told without a request, and asked anew the next time', async () => {
  let token = null
  const { client, requests } = fake({ getToken: () => token })
  await assert.rejects(client.mandates(), { code: 'unauthenticated', status: 401, retryable: false })
  assert.deepEqual(requests, [])
  token = TOKEN
  await client.mandates()
})

test('getToken that gets no answer is tried again as the API is; what else it throws is thrown', async () => {
  const answers = [offline, offline, () => TOKEN]
  const { client, requests } = fake({ getToken: () => answers.shift()() })
  await client.charge('chg_a')
  assert.equal(requests.length, 1)
  const broken = fake({ getToken: () => { throw new RangeError('a mistake') } })
  await assert.rejects(broken.client.charge('chg_a'), RangeError)
  assert.equal(broken.asked.length, 1)
})

test('after somebody else has signed in their token is used', async () => {
  let token = TOKEN
  const { client } = fake({ getToken: () => token })
  assert.equal(await client.customerId(), 'customer-1')
  token = jwt({ sub: 'customer-2' })
  client.forgetToken()
  assert.equal(await client.customerId(), 'customer-2')
})

test('a token that was on its way is not kept for whoever signs in next', async () => {
  const coming = []
  const { client } = fake({ getToken: () => new Promise((resolve) => coming.push(resolve)) })
  const before = client.customerId()
  await new Promise(setImmediate)
  client.forgetToken()
  const after = client.customerId()
  await new Promise(setImmediate)
  coming[1](jwt({ sub: 'customer-2' }))
  coming[0](jwt({ sub: 'customer-1' }))
  assert.deepEqual([await before, await after, await client.customerId()], ['customer-1', 'customer-2', 'customer-2'])
})

test('the customer is the `sub` of the token, whatever it is made of', async () => {
  // Their base64url has - and _, and every length of padding.
  for (const sub of ['auth0|5f7c8ec7c33c6c004bbafe82', 'a', 'ab', 'abc', 'Zoë ÿ>>>???', '~~~~~~', '用户', '😀']) {
    const { client } = fake({ getToken: () => jwt({ sub }) })
    assert.equal(await client.customerId(), sub)
  }
})

test('a token without a `sub` is refused before it is sent', async () => {
  for (const token of ['opaque', 'a.b.c', 'a.!.c', jwt({}), jwt({ sub: '' }), jwt({ sub: 7 }), jwt(null)]) {
    const { client, requests } = fake({ getToken: () => token })
    await assert.rejects(client.mandates(), { code: 'unauthenticated' })
    assert.deepEqual(requests, [])
  }
})

test('the token is only ever in the Authorization header', async (t) => {
  const logged = []
  for (const level of ['log', 'info', 'warn', 'error', 'debug']) {
    t.mock.method(console, level, (...said) => logged.push(said))
  }
  const answers = [offline, refused, problem(400, 'invalid_request'), ok()]
  const { client, requests } = fake({ answers })
  const seen = [logged]
  for (let asked = 0; asked < 4; asked++) {
    await client.createCharge('mdt_a', {}, { idempotencyKey: 'k' }).catch((error) => seen.push(error, error.cause))
  }
  seen.push(client, requests.map(({ headers: { authorization, ...headers }, ...rest }) => ({ ...rest, headers })))
  const text = inspect(seen, { showHidden: true, depth: 20, getters: true }) + JSON.stringify(seen)
  assert.ok(requests.every((request) => bearer(request) === TOKEN))
  assert.ok(!text.includes(TOKEN) && !text.includes(TOKEN.split('.')[1]))
  assert.deepEqual(logged, [])
})

test('a request follows no redirect, sends no cookie and says not where it comes from', async () => {
  const { client, requests } = fake()
  await client.charge('chg_a')
  const { redirect, credentials, referrerPolicy } = requests[0]
  assert.deepEqual({ redirect, credentials, referrerPolicy },
    { redirect: 'error', credentials: 'omit', referrerPolicy: 'no-referrer' })
})
