import { call, customer, show } from '/static/api.js'

const find = (id) => document.getElementById(id)
const [accepted, button, problem, progress, locale] = ['accepted', 'continue', 'problem', 'progress', 'locale'].map(find)
const HEADINGS = {
  permission: 'Permission', frequency: 'How often', timing: 'When', amount: 'How much', cancellation: 'Ending it',
}
let terms

async function loadTerms(language, cache = 'default') {
  // No sign-in: anybody may read what they would agree to. Any language will do: the answer says which it is in.
  const response = await fetch(`/api/terms/current?locale=${encodeURIComponent(language)}`, { cache })
  if (!response.ok) throw new Error('The terms can not be shown right now.')
  terms = await response.json()
  find('sections').lang = terms.locale
  find('sections').replaceChildren(...Object.entries(terms.sections).flatMap(([name, text]) => [
    Object.assign(document.createElement('dt'), { textContent: HEADINGS[name] ?? name }),
    Object.assign(document.createElement('dd'), { textContent: text }),
  ]))
  locale.replaceChildren(...terms.locales.map((tag) => {
    const { baseName } = new Intl.Locale(tag) // without extensions, which have no name
    const name = new Intl.DisplayNames([tag], { type: 'language' }).of(baseName)
    return new Option(name, tag, tag === terms.locale, tag === terms.locale)
  }))
  locale.disabled = false
  find('version').textContent = `Version ${terms.version}`
  find('terms').setAttribute('aria-busy', 'false')
  accepted.checked = false // agreeing to one text is not agreeing to another
  button.disabled = false
}

async function setUp() {
  const { customer_id: id } = await customer()
  show(progress, 'Preparing your account…')
  await call('PUT', `/customers/${encodeURIComponent(id)}`, {})
  show(progress, 'Opening Amazon Pay…')
  const session = await call('POST', '/checkout-sessions', {
    terms_version: terms.version,
    terms_digest: terms.digest,
    locale: terms.locale,
    wording_digest: terms.wording_digest,
    accepted: accepted.checked,
    success_url: `${location.origin}/amazon-pay`,
    cancel_url: `${location.origin}/amazon-pay?cancelled=1`,
  })
  sessionStorage.setItem(session.checkout_session_id, session.url) // to try again there, if Amazon declines
  location.assign(session.url)
}

find('consent').addEventListener('submit', async (event) => {
  event.preventDefault()
  if (!accepted.checked) {
    show(problem, 'Please tick the box if you agree. We can not go on without it.')
    accepted.focus()
    return
  }
  show(problem, '')
  button.disabled = true
  try {
    await setUp()
  } catch (error) {
    show(progress, '')
    button.disabled = false
    show(problem, error.code === 'terms_changed' ? 'The terms have changed. Please read them again.' : error.message)
    // The answer may be cached for a minute, and what it says is what has just been refused.
    if (error.code === 'terms_changed') await loadTerms(terms.locale, 'no-cache').catch(() => {})
  }
})

locale.addEventListener('change', () => loadTerms(locale.value).catch((error) => show(problem, error.message)))
find('cancelled').hidden = !new URLSearchParams(location.search).has('cancelled')
// Coming back with the browser's button shows the page as it was left, and left it was busy.
window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload() })
loadTerms(navigator.language).catch((error) => {
  find('sections').replaceChildren()
  show(problem, error.message)
})
