import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Problem } from '../index.js'
import { fake, ok, page, problem } from './fake-api.js'

test('a problem has what the API said, by the names of the API', async () => {
  const members = { reasons: ['above_period_limit'], left: 700, currency: 'usd', earliest: '2026-12-01T05:00:00Z' }
  const { client } = fake({ answers: [problem(409, 'charge_not_permitted', members)] })
  await assert.rejects(client.createCharge('mdt_a', {}, { idempotencyKey: 'k' }), (error) => {
    assert.ok(error instanceof Problem && error instanceof Error)
    const { message, detail, status, requestId, field, retryAfter } = error
    assert.deepEqual({ message, detail, status, requestId, field, retryAfter }, {
      message: 'about charge_not_permitted', detail: 'about charge_not_permitted', status: 409, requestId: 'r-1',
      field: null, retryAfter: null,
    })
    const { reasons, left, currency, earliest } = error
    assert.deepEqual({ reasons, left, currency, earliest }, members)
    return true
  })
})

test('members can not replace what a problem is', () => {
  const text = '{"code": "busy", "detail": "d", "message": "m", "stack": "s", "retryable": 1, "__proto__": {"a": 1}}'
  const told = JSON.parse(text)
  const error = new Problem({ ...told, status: 409 })
  assert.deepEqual([error.message, error.retryable, error.a], ['d', false, undefined])
  assert.ok(error instanceof Problem && error.stack.includes('answers.test'))
})

test('the gateway may leave out the status', async () => {
  const { client } = fake({ answers: [Response.json({ code: 'bad_request', title: 'Bad Request' }, { status: 400 })] })
  await assert.rejects(client.charge('chg_a'), { code: 'bad_request', status: 400, message: 'Bad Request' })
})

test('an answer that the API does not give is `not_the_api`', async () => {
  const answers = [
    page(200), page(403), page(502), ok(null), Response.json({ message: 'Forbidden' }, { status: 403 }),
    new Response('', { status: 200 }), new Response('', { status: 500 }), new Response('{"code":', { status: 409 }),
  ]
  for (const answer of answers) {
    const { client, requests } = fake({ answers: [answer] })
    const { status } = answer
    await assert.rejects(client.charge('chg_a'), { code: 'not_the_api', status, retryable: status >= 500 })
    assert.equal(requests.length, status >= 500 ? 3 : 1)
  }
})

test('a proxy that asks to wait is heard', async () => {
  const { client, slept } = fake({ answers: [page(503, { 'Retry-After': '7' }), ok()] })
  await client.charge('chg_a')
  assert.deepEqual(slept, [7000])
})

test('no content is null', async () => {
  const { client } = fake({ answers: [new Response(null, { status: 204 })] })
  assert.equal(await client.revoke('mdt_a'), null)
})

test('ids are percent-encoded, once', async () => {
  const { client, requests } = fake()
  await client.mandatesOf('auth0|1 ä/..?#%7C', { limit: 5, cursor: 'a+b=', signal: undefined })
  assert.equal(requests[0].url,
    'https://api.shop.example/v1/customers/auth0%7C1%20%C3%A4%2F..%3F%23%257C/mandates?limit=5&cursor=a%2Bb%3D')
})

test('an id that would be another path is not sent', async () => {
  const { client, requests } = fake()
  for (const id of ['', '.', '..']) await assert.rejects(client.checkout(id), { code: 'not_found', status: 404 })
  assert.deepEqual(requests, [])
})

test('evidence comes with its bytes', async () => {
  const text = '{"page":{"next":null,"number":2},"signature":{}}'
  const { client, requests } = fake({ answers: [new Response(text)] })
  assert.deepEqual(await client.evidence('mdt_a', { page: 2 }), { pack: JSON.parse(text), text })
  assert.ok(requests[0].url.endsWith('/mandates/mdt_a/evidence?page=2'))
})

test('terms need no token, and come past the cache if they have to be fresh', async () => {
  const { client, requests, asked } = fake()
  await client.terms({ locale: 'de-AT' })
  await client.terms({ fresh: true })
  assert.deepEqual(asked, [])
  assert.deepEqual(requests.map(({ url, cache }) => [url, cache]), [
    ['https://api.shop.example/v1/terms/current?locale=de-AT', undefined],
    ['https://api.shop.example/v1/terms/current', 'no-cache'],
  ])
})

test('all mandates are read page by page', async () => {
  const pages = [['a', 'b'], [], ['c']].map((ids, at) => ok({
    mandates: ids.map((mandate_id) => ({ mandate_id })), next_cursor: at < 2 ? `after-${at}` : null,
  }))
  const { client, requests } = fake({ answers: pages })
  const found = []
  for await (const { mandate_id } of client.allMandates()) found.push(mandate_id)
  assert.deepEqual(found, ['a', 'b', 'c'])
  assert.deepEqual(requests.map(({ url }) => new URL(url).searchParams.get('cursor')), [null, 'after-0', 'after-1'])
})

test('lists of a day name the day and the status', async () => {
  const { client, requests } = fake()
  await client.mandatesCreatedOn('2026-11-27', { status: 'active' })
  await client.chargesCreatedOn('2026-11-27', { status: 'failed', cursor: null })
  assert.deepEqual(requests.map(({ url }) => url.replace('https://api.shop.example/v1', '')), [
    '/mandates?status=active&created_on=2026-11-27', '/charges?status=failed&created_on=2026-11-27',
  ])
})

test('a missing Stripe customer is saved once, and the checkout sent again', async () => {
  const terms = { version: 'v', digest: 'd', locale: 'de', wording_digest: 'w', text: 'not sent' }
  const checkout = { terms, accepted: true, success_url: 'https://a', cancel_url: 'https://b' }
  const customer = { email: 'customer@shop.example' }
  const { client, requests } = fake({ answers: [problem(409, 'customer_required'), ok(), ok({ url: 'https://c' })] })
  assert.equal((await client.openCheckout({ ...checkout, customer })).url, 'https://c')
  const sent = { terms_version: 'v', terms_digest: 'd', locale: 'de', wording_digest: 'w', accepted: true,
    success_url: 'https://a', cancel_url: 'https://b' }
  assert.deepEqual(requests.map(({ method, body }) => [method, JSON.parse(body)]), [
    ['POST', sent], ['PUT', customer], ['POST', sent],
  ])
  const never = fake({ answers: [problem(409, 'customer_required'), ok(), problem(409, 'customer_required')] })
  await assert.rejects(never.client.openCheckout(checkout), { code: 'customer_required' })
  assert.equal(never.requests.length, 3)
})

test('consent is sent as the page says it', async () => {
  const { client, requests } = fake()
  const checkout = { terms: {}, success_url: 'a', cancel_url: 'b' }
  for (const accepted of [false, undefined]) await client.openCheckout({ ...checkout, accepted })
  assert.deepEqual(requests.map(({ body }) => JSON.parse(body).accepted), [false, undefined])
})
