import { CustomerClient } from '../client.js'
import { element } from './dom.js'
import { bestOf, languages, wordsFor } from './strings.js'
import { sheet } from './style.js'

/** @import { GetToken } from '../shapes.js' */
/** @import { Child } from './dom.js' */
/** @import { Strings } from './strings.js' */

/** Nobody is signed in, or the API no longer accepts their token. @param {any} error */
export const isSignedOut = (error) => error.status === 401

/**
 * The code by which a failure has words.
 * @param {any} error
 * @returns {string}
 */
export function codeOf(error) {
  return error.code === 'unreachable' && !navigator.onLine ? 'offline' : String(error.code)
}

const ON_WAKING = /** @type {const} */ ([['visibilitychange', document], ['pageshow', window], ['online', window]])

/**
 * What both elements share: the client from their attributes, the language, the view in a shadow root, the live region.
 *
 * A subclass implements `start(signal)`, which shows its first view, and `wake(event)`, which looks again. `signal` is
 * aborted when the element leaves the page or starts anew.
 */
export class AmazonPayElement extends HTMLElement {
  static observedAttributes = ['api', 'token-url', 'lang']

  /** @type {CustomerClient | undefined} */
  #client
  /** @type {CustomerClient | undefined} */
  #ownClient
  /** @type {GetToken | undefined} */
  #getToken
  /** @type {Record<string, Strings>} */
  #strings = {}
  #words = wordsFor('en')
  #running = new AbortController()
  #due = false
  #view = element('section', { part: 'card', class: 'card', tabindex: '-1' })
  #status = element('p', { part: 'status', class: 'unseen', role: 'status' })
  #state = ''

  constructor() {
    super()
    const root = this.attachShadow({ mode: 'open' })
    root.adoptedStyleSheets = [sheet]
    root.append(this.#view, this.#status)
  }

  /** @returns {CustomerClient} */
  get client() {
    if (this.#client) return this.#client
    this.#ownClient ??= new CustomerClient({
      api: this.getAttribute('api') ?? '',
      getToken: (request) => this.#getToken ? this.#getToken(request) : this.#tokenFromPage(request),
    })
    return this.#ownClient
  }

  set client(client) {
    this.#client = client
    this.restart()
  }

  get getToken() {
    return this.#getToken
  }

  set getToken(getToken) {
    this.#getToken = getToken
    this.#ownClient = undefined // it holds a token that the earlier function gave, which may be somebody else's
    this.restart()
  }

  /** Texts of the page's own, by language tag. */
  get strings() {
    return this.#strings
  }

  set strings(strings) {
    this.#strings = strings
    this.restart()
  }

  /** The name of what is shown now. */
  get state() {
    return this.#state
  }

  /** The languages that the reader wants, best first. */
  get wanted() {
    return this.lang ? [this.lang] : navigator.languages
  }

  /** The language of the words in use. */
  get locale() {
    return this.#words.locale
  }

  /** Uses the words for `locale` from the next view on. */
  set locale(locale) {
    this.#words = wordsFor(locale, this.#strings)
  }

  /** Every language that there are words for. */
  get languages() {
    return languages(this.#strings)
  }

  /** @type {import('./strings.js').Say} */
  say(key, values) {
    return this.#words.say(key, values)
  }

  connectedCallback() {
    for (const name of /** @type {const} */ (['client', 'getToken', 'strings'])) this.#adopt(name)
    for (const [name, target] of ON_WAKING) target.addEventListener(name, this.#woken)
    this.restart()
  }

  disconnectedCallback() {
    for (const [name, target] of ON_WAKING) target.removeEventListener(name, this.#woken)
    this.#running.abort()
  }

  attributeChangedCallback() {
    this.#ownClient = undefined
    this.restart()
  }

  /** Begins anew once everything that the page sets in one go is set. Without an API to talk to, it waits for one. */
  restart() {
    if (this.#due || !this.isConnected) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      if (this.isConnected && this.#ready) this.run((signal) => this.start(signal))
    })
  }

  /**
   * Ends what runs and runs `work` instead. What it throws is shown, with `work` to be tried again.
   * @param {(signal: AbortSignal) => Promise<void>} work
   */
  run(work) {
    this.#running.abort()
    const { signal } = (this.#running = new AbortController())
    if (!this.#state) this.locale = bestOf(this.wanted, this.languages) ?? 'en'
    work(signal).catch((error) => {
      if (!signal.aborted) this.fail(error, () => this.run(work))
    })
  }

  /** @param {AbortSignal} _signal @returns {Promise<void>} */
  async start(_signal) {}

  /** The page is visible, online or back from the browser's cache. @param {Event} _event */
  wake(_event) {}

  /**
   * Shows a view in place of the last one. If the reader was inside, the focus goes to the element with the id `focus`,
   * else to a notice, else to the new heading, since the control they used is gone. Otherwise the live region reads
   * `announcement` out.
   * @param {string} state
   * @param {Child[]} children
   * @param {{ announcement?: string, busy?: boolean, focus?: string }} [options]
   */
  show(state, children, { announcement = '', busy = false, focus = '' } = {}) {
    const inside = Boolean(this.shadowRoot?.activeElement)
    this.remark(state, busy)
    for (const part of [this.#view, this.#status]) Object.assign(part, { lang: this.locale, dir: this.#words.dir })
    this.#view.replaceChildren(...children.filter((child) => child instanceof Node))
    const heading = this.#view.querySelector('h2')
    if (heading) this.#view.setAttribute('aria-labelledby', heading.id)
    else this.#view.removeAttribute('aria-labelledby')
    const kept = this.shadowRoot?.getElementById(focus)
    const first = this.#view.querySelector('.notice') ?? heading
    if (inside) /** @type {HTMLElement} */ (kept ?? first ?? this.#view).focus()
    this.announce(inside && first && !kept ? '' : announcement)
  }

  /** Names the state anew without touching the view. @param {string} state @param {boolean} busy */
  remark(state, busy) {
    this.#state = state
    this.#view.dataset.state = state
    this.#view.setAttribute('aria-busy', String(busy))
  }

  /** Has a screen reader say something without moving the focus. @param {string} text */
  announce(text) {
    this.#status.textContent = text
  }

  /** @param {string} text */
  heading(text) {
    return element('h2', { id: 'heading', part: 'heading', tabindex: '-1' }, text)
  }

  /** What went wrong, in words for a customer. @param {any} error */
  explain(error) {
    const code = codeOf(error)
    const words = this.say(`problem_${code}`, { minutes: Math.max(1, Math.ceil((error.retryAfter ?? 60) / 60)) })
    return words === `problem_${code}` ? this.say('problem_unknown') : words
  }

  /** @param {any} error @param {() => void} again */
  fail(error, again) {
    if (isSignedOut(error)) return this.showSignedOut()
    if (!error.code) reportError(error)
    this.emit('amazon-pay-problem', { problem: error })
    const text = this.explain(error)
    this.show('problem', [
      this.heading(this.say('problem_heading')),
      element('p', { part: 'text' }, text),
      (error.retryable ?? true) && element('button', { part: 'button', type: 'button', onclick: again }, this.say('try_again')),
    ], { announcement: text })
  }

  showSignedOut() {
    if (this.state === 'signed-out') return
    const text = this.say('signed_out')
    this.show('signed-out', [
      this.heading(this.say('signed_out_heading')),
      element('p', { part: 'text' }, text),
      element('slot', { name: 'signed-out' }),
    ], { announcement: text })
  }

  /**
   * Dispatches an event to the page. False if the page prevented the element's own next step.
   * @param {string} name
   * @param {object} detail
   * @param {{ cancelable?: boolean }} [options]
   */
  emit(name, detail, { cancelable = false } = {}) {
    return this.dispatchEvent(new CustomEvent(name, { detail, cancelable, bubbles: true, composed: true }))
  }

  get #ready() {
    return Boolean(this.#client || (this.hasAttribute('api') && (this.#getToken || this.hasAttribute('token-url'))))
  }

  /** @param {{ refresh: boolean }} request */
  async #tokenFromPage(request) {
    const response = await fetch(this.getAttribute('token-url') ?? '', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(request),
      cache: 'no-store',
    })
    if (response.status === 401) return null
    if (!response.ok) throw new TypeError(`The page's token URL answered ${response.status}.`)
    return (await response.json()).token
  }

  /** @param {Event} event */
  #woken = (event) => {
    if (this.#state && document.visibilityState === 'visible' && this.#ready) this.wake(event)
  }

  /**
   * A property that was set before the element was defined would hide the accessor of the same name.
   * @param {'client' | 'getToken' | 'strings'} name
   */
  #adopt(name) {
    if (!Object.hasOwn(this, name)) return
    const value = this[name]
    delete this[name]
    Object.assign(this, { [name]: value })
  }
}
