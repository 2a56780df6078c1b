import { call, show } from '/static/api.js'

const find = (id) => document.getElementById(id)
const OUTCOMES = {
  active: ['You are all set', 'We may now charge your Amazon Pay account for your future orders.'],
  revoked: ['The permission was withdrawn', 'We will not charge your Amazon Pay account.'],
  expired: ['It was not set up', 'The session ended before you authorised it. Nothing will be charged.'],
}
const LATE = ['This takes longer than usual', 'You can close this page. We go on as soon as Stripe confirms.']
const PATIENCE_MS = 90_000
const PAUSE_MS = 1_500

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

const passes = (error) => !error.status || error.status === 429 || error.status >= 500
const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS))

/** Says under which sign-in this page was reached: Stripe's page works for whoever opens its address. */
async function sayWhoCameBack(sessionId, token) {
  const path = `/checkout-sessions/${encodeURIComponent(sessionId)}/return`
  for (let tries = 0; tries < 5; tries += 1) {
    const error = await call('POST', path, { return_token: token }).then(() => null, (refused) => refused)
    if (!error || !passes(error)) {
      // Said or refused: out of the address, which may be bookmarked, shared or logged.
      history.replaceState(null, '', `${location.pathname}?${new URLSearchParams({ checkout_session_id: sessionId })}`)
      return
    }
    await pause()
  }
}

/** The session as soon as it is decided, or an attempt was declined; as it is when patience ends. */
async function waitForOutcome(sessionId) {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      // Where Stripe's webhook has not come, Stripe is asked: this answers even if none ever comes.
      const session = await call('GET', `/checkout-sessions/${encodeURIComponent(sessionId)}`)
      if (session.status !== 'pending' || session.last_failure || Date.now() > deadline) return session
    } catch (error) {
      if (!passes(error) || Date.now() > deadline) throw error
    }
    await pause()
  }
}

function declined(sessionId) {
  finish('Amazon Pay declined', 'Nothing was set up. You may try again, with another payment method if you like.')
  // Stripe's page, if it was opened from this tab; the shop leads to the same one.
  find('again').href = sessionStorage.getItem(sessionId) ?? '/'
  find('again').parentElement.hidden = false
}

async function showOutcome(sessionId) {
  const session = await waitForOutcome(sessionId)
  if (session.status === 'pending' && session.last_failure) declined(sessionId)
  else finish(...(OUTCOMES[session.status] ?? LATE))
  await call('GET', `/mandates/${encodeURIComponent(session.mandate_id)}`).then(showMandate).catch(() => {}) // an extra
}

// Stripe put it there: the page needs nothing that only the tab knows in which it all began.
const address = new URLSearchParams(location.search)
const [sessionId, token] = ['checkout_session_id', 'return_token'].map((name) => address.get(name))
if (!sessionId) {
  finish('There is nothing to show', 'Start from the shop to set up Amazon Pay.')
} else {
  if (token) sayWhoCameBack(sessionId, token) // what is shown does not wait for it
  try {
    await showOutcome(sessionId)
  } catch (error) {
    if (error.status === 404) {
      finish('This was not begun in your account', 'Nothing of it is yours to see. Tell us if you authorised it.')
    } else {
      finish('We could not check', 'Please load this page again in a moment.')
      show(find('problem'), error.message)
    }
  }
}
