import { call, customer, show } from '/static/api.js'

const find = (id) => document.getElementById(id)
const OUTCOMES = {
  active: ['You are all set', 'We may now charge your Amazon Pay account for your future orders.'],
  revoked: ['The permission was withdrawn', 'We will not charge your Amazon Pay account.'],
  expired: ['It was not set up', 'The session ended before you authorised it. Nothing will be charged.'],
}
const PATIENCE_MS = 90_000

const element = (name, text) => Object.assign(document.createElement(name), { textContent: text })

function showMandate(mandate) {
  const details = {
    'Mandate': mandate.mandate_id,
    'Status': mandate.status,
    'Terms': `version ${mandate.terms_version}`,
    'Payment method': mandate.payment_method_id ?? 'none',
  }
  find('mandate').replaceChildren(...Object.entries(details).flatMap(
    ([name, value]) => [element('dt', name), element('dd', value)],
  ))
  find('ledger').replaceChildren(...mandate.ledger.map((entry) => {
    const row = document.createElement('tr')
    const cells = [entry.number, entry.kinds.join(', '), entry.status,
      new Date(entry.recorded_at).toLocaleString(), `${entry.hash.slice(0, 12)}…`]
    row.append(...cells.map((text) => element('td', String(text))))
    return row
  }))
  find('result').hidden = false
}

function finish(heading, message) {
  find('heading').textContent = heading
  find('message').textContent = message
  document.title = `${heading} – Example Shop`
  find('heading').focus() // so that it is read out: the page changed under the reader
}

async function waitForOutcome(mandateId) {
  const deadline = Date.now() + PATIENCE_MS
  for (let pause = 400; ; pause = Math.min(pause * 1.5, 4000)) {
    const mandate = await call('GET', `/mandates/${encodeURIComponent(mandateId)}`)
    if (mandate.status !== 'pending') return mandate
    if (Date.now() > deadline) return mandate
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

customer().then(({ customer_id: id }) => { find('who').textContent = `Signed in as ${id}` }).catch(() => {})
const mandateId = sessionStorage.getItem('mandate')
if (!mandateId) {
  finish('There is nothing to show', 'Start from the shop to set up Amazon Pay.')
} else {
  try {
    const mandate = await waitForOutcome(mandateId)
    const late = ['This takes longer than usual', 'You can close this page. We go on as soon as Stripe confirms.']
    finish(...(OUTCOMES[mandate.status] ?? late))
    showMandate(mandate)
  } catch (error) {
    finish('We could not check', 'Please load this page again in a moment.')
    show(find('problem'), error.message)
  }
}
