// The package as an integrator's TypeScript sees it: compiled and never run (tests/contract/test_typescript.py).
import { CustomerClient, MandatesClient, Problem, type Outcome, type Terms } from 'amazon-pay-mandates'

export async function saveAccount(client: CustomerClient, terms: Terms): Promise<string> {
  const opened = await client.openCheckout({
    terms,
    accepted: true,
    success_url: 'https://shop.example/return',
    cancel_url: 'https://shop.example/',
    customer: { email: 'customer@shop.example' },
  })
  const { outcome, session, problem }: Outcome = await client.waitForOutcome(opened.checkout_session_id, { timeout: 5_000 })
  const why: string | undefined = problem?.code
  return `${outcome} ${session?.label} ${why}`
}

export async function chargeAccount(client: MandatesClient): Promise<string[]> {
  const charge = { amount: 1299, currency: 'usd', reference: 'order-42', description: 'Order 42' } as const
  try {
    const made = await client.createCharge('mdt_a', charge, { idempotencyKey: 'order-42' })
    return [made.status]
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.code !== 'charge_not_permitted') throw problem
    const left: number | null | undefined = problem.left
    return [...problem.reasons, `${left} ${problem.earliest}`]
  }
}

export async function labels(client: MandatesClient): Promise<(string | null)[]> {
  const found: (string | null)[] = []
  for await (const mandate of client.allMandates()) found.push(mandate.label)
  const { mandates, next_cursor } = await client.mandatesCreatedOn('2026-11-27', { status: 'active' })
  return [...found, ...mandates.map((mandate) => mandate.mandate_id), next_cursor]
}

export const client = new MandatesClient({
  api: 'https://api.shop.example/v1',
  getToken: async ({ refresh }) => (refresh ? null : 'token'),
})
