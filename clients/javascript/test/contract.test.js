import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { fake, jwt, ok } from './fake-api.js'

const contract = readFileSync(new URL('../../../openapi.yaml', import.meta.url), 'utf8')

/** For Stripe, and for people: a client in JavaScript has no use for them. */
const NOT_CALLED = new Set(['POST /webhooks/stripe', 'GET /mandates/{mandate_id}/evidence.pdf'])

/** Every route of openapi.yaml, as `METHOD /path`. */
const routes = () => {
  const [paths] = contract.split('\npaths:\n')[1].split('\ncomponents:\n')
  const found = []
  for (const [, path, item] of paths.matchAll(/^ {2}(\/\S+):\n((?: {4}.*\n|\n)+)/gm)) {
    for (const [, method] of item.matchAll(/^ {4}(get|put|post):$/gm)) found.push(`${method.toUpperCase()} ${path}`)
  }
  return found
}

const WITH_KEY = { idempotencyKey: 'key' }
/** One call of every method. An id is its parameter's name, so that the path is that of openapi.yaml. */
const CALLS = [
  (client) => client.terms(),
  (client) => client.saveCustomer(),
  (client) => client.customer(),
  (client) => client.openCheckout({ terms: {} }),
  (client) => client.checkout('{checkout_session_id}'),
  (client) => client.recordReturn('{checkout_session_id}', 'token'),
  (client) => client.mandates(),
  (client) => client.mandate('{mandate_id}'),
  (client) => client.revoke('{mandate_id}'),
  (client) => client.charges('{mandate_id}'),
  (client) => client.charge('{charge_id}'),
  (client) => client.refunds('{charge_id}'),
  (client) => client.notices('{mandate_id}'),
  (client) => client.checkCharge('{mandate_id}', {}),
  (client) => client.createCharge('{mandate_id}', {}, WITH_KEY),
  (client) => client.createRefund('{charge_id}', {}, WITH_KEY),
  (client) => client.cancelCharge('{charge_id}'),
  (client) => client.recordNotice('{mandate_id}', {}),
  (client) => client.mandatesCreatedOn('2026-11-27'),
  (client) => client.chargesCreatedOn('2026-11-27'),
  (client) => client.evidence('{mandate_id}'),
  (client) => client.evidenceKeys(),
]

test('the client calls every route of the contract', async () => {
  const { client, requests } = fake({ answers: [ok()], getToken: () => jwt({ sub: '{customer_id}' }) })
  for (const call of CALLS) await call(client)
  const called = requests.map(({ method, url }) => {
    const [path] = decodeURIComponent(url.replace('https://api.shop.example/v1', '')).split('?')
    return `${method} ${path}`
  })
  assert.deepEqual(called.sort(), routes().filter((route) => !NOT_CALLED.has(route)).sort())
})

test('every route that the client calls is safe to repeat', () => {
  const operations = contract.split(/^ {6}operationId: /m).slice(1)
  assert.ok(operations.length > CALLS.length)
  for (const operation of operations) assert.match(operation.split('responses:')[0], /\*\*Safe to repeat/)
})
