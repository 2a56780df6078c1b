import { AmazonPayElement, codeOf, isSignedOut } from './base.js'
import { element } from './dom.js'
import { accountLine, plainView, skeleton, termsView } from './setup-views.js'
import { bestOf } from './strings.js'
import { forget, recall, remember, returned } from './visit.js'

/** @import { CheckoutStatus, Mandate, Terms } from '../shapes.js' */
/** @import { Notice } from './setup-views.js' */

/** If the browser has not left by then, the customer stopped it, or the network did: they may click again. */
const GONE_AFTER_MS = 10_000

/** States in which nothing is under way. What they show may have changed in another tab. */
const AT_REST = ['terms', 'already', 'signed-out', 'problem', 'active', 'declined', 'expired', 'revoked', 'late', 'another']
const OUTCOMES = ['active', 'declined', 'expired', 'revoked', 'late']

/**
 * `<amazon-pay-setup>`: shows the terms, takes the customer's consent, leads to Amazon Pay and, on the page to which
 * Stripe sends the customer back, shows the outcome.
 */
export class AmazonPaySetup extends AmazonPayElement {
  /** @type {Terms | undefined} */
  #terms
  /** The languages to ask for, once the customer has chosen. @type {string[] | undefined} */
  #chosen
  /** Who reads the terms: a tick is theirs alone. @type {string | undefined} */
  #customer
  /** Whom the page's `email` and `name` describe: the first customer who was here with them. @type {Map<string, string>} */
  #owners = new Map()
  /** Whether the customer has no permission yet, and so is probably unknown to the API. */
  #isNew = false
  /** The customer chose to begin anew, so their earlier session no longer matters. */
  #isAnew = false

  /** @override @param {AbortSignal} signal */
  async start(signal) {
    this.show('loading', skeleton(), { announcement: this.say('loading'), busy: true })
    const { sessionId, returnToken } = returned()
    await (sessionId ? this.#showReturn(sessionId, returnToken, signal) : this.#offer(signal))
  }

  /** @override @param {Event} event */
  wake(event) {
    if (event.type === 'pageshow') {
      if (/** @type {PageTransitionEvent} */ (event).persisted) this.restart()
    } else if (AT_REST.includes(this.state)) {
      this.run((signal) => this.#lookAgain(signal))
    }
  }

  // -------------------------------------------------------------------------------------------------- the terms

  /** @param {AbortSignal} signal */
  async #offer(signal) {
    const [terms, { mandates }] = await Promise.all([
      this.#read({ signal }),
      this.client.mandates({ limit: 100, signal }),
    ])
    this.#customer = await this.client.customerId()
    signal.throwIfAborted()
    this.#about(this.#customer)
    this.#isNew = mandates.length === 0
    const active = mandates.filter(({ status }) => status === 'active')
    const current = active.find((mandate) => isUnder(mandate, terms))
    if (current) return this.#showAlready(terms, current)
    const begun = this.#isAnew ? undefined : mandates.find(isUnderWay)
    const session = begun?.checkout_session_id && await this.#asItIs(begun.checkout_session_id, signal)
    if (session && session.status === 'active') return this.#showOutcome('active', session)
    if (session && hasReturned(session)) return this.#showReturn(String(session.checkout_session_id), null, signal)
    const key = knownBefore(session || null, active)
    this.#showTerms(terms, key ? { text: this.#in(terms, key) } : null)
  }

  /** Null if the API can't say: the terms can be shown all the same. @param {string} sessionId @param {AbortSignal} signal */
  async #asItIs(sessionId, signal) {
    return this.client.checkout(sessionId, { signal }).catch((error) => {
      if (signal.aborted || isSignedOut(error)) throw error
      return null
    })
  }

  /**
   * The terms in the language that the reader likes best, of those that there are words for: everything around the
   * consent is in the language of the terms.
   * @param {{ signal: AbortSignal, fresh?: boolean }} options
   */
  async #read({ signal, fresh = false }) {
    const wanted = this.#chosen ?? [...this.wanted]
    const terms = await this.client.terms({ locale: wanted[0], fresh, signal })
    const locales = this.#spoken(terms)
    const best = bestOf(wanted, locales) ?? bestOf([terms.locale], locales) ?? locales[0]
    return best && best !== terms.locale ? this.client.terms({ locale: best, fresh, signal }) : terms
  }

  /** @param {Terms} terms */
  #spoken(terms) {
    return terms.locales.filter((locale) => bestOf([locale], this.languages))
  }

  /** @param {Terms} terms @param {string} key */
  #in(terms, key) {
    this.locale = terms.locale
    return this.say(key)
  }

  /** @param {Terms} terms @param {Notice | null} notice */
  #showTerms(terms, notice) {
    this.#terms = terms
    this.locale = terms.locale
    this.show('terms', termsView(this, {
      terms,
      notice,
      locales: this.#spoken(terms),
      onSubmit: (event) => {
        event.preventDefault()
        this.#submit()
      },
      onTick: () => this.#ticked(),
      onLanguage: (event) => this.#changeLanguage(/** @type {HTMLSelectElement} */ (event.target)),
    }), { announcement: notice?.text ?? '' })
  }

  /** @param {Terms} terms @param {Mandate} mandate */
  #showAlready(terms, { funding }) {
    this.#terms = terms
    this.locale = terms.locale
    const view = plainView(this, 'already', accountLine(this, funding), element('slot', { name: 'already' }))
    this.show('already', view, { announcement: this.say('already_heading') })
  }

  /** Terms that changed while the customer read them: the new parts on top, the box unticked. @param {Terms} terms */
  #showChanged(terms) {
    const before = /** @type {Record<string, string>} */ (this.#terms?.sections ?? {})
    const sections = Object.entries(terms.sections).filter(([name, text]) => before[name] !== text).map(([name]) => name)
    const text = this.#in(terms, sections.length > 0 ? 'changed' : 'changed_values')
    this.#showTerms(terms, { text, sections })
  }

  /** @param {HTMLSelectElement} select */
  #changeLanguage(select) {
    const before = this.#chosen
    this.#chosen = [select.value]
    this.run(async (signal) => {
      try {
        const terms = await this.#read({ signal })
        this.#showTerms(terms, null)
        this.#find('select')?.focus()
      } catch (error) {
        if (signal.aborted) throw error
        this.#chosen = before
        select.value = this.#terms?.locale ?? select.value
        this.#complain(this.explain(error))
      }
    })
  }

  // ------------------------------------------------------------------------------------------------ the consent

  #submit() {
    if (this.state === 'opening') return
    const box = this.#find('input')
    if (box?.checked) return this.run((signal) => this.#open(signal))
    this.#complain(this.say('must_agree'))
    box?.setAttribute('aria-invalid', 'true')
    box?.focus()
  }

  #ticked() {
    this.#complain('')
    this.#find('input')?.removeAttribute('aria-invalid')
    if (this.state === 'opening') this.run(async () => this.#setBusy(false)) // no longer agreed
  }

  /** @param {AbortSignal} signal */
  async #open(signal) {
    this.#complain('')
    this.#setBusy(true)
    try {
      const opened = await this.#openOnceOnline(signal)
      signal.throwIfAborted()
      if (!opened) return this.restart()
      const { mandate_id, checkout_session_id, url } = opened
      remember(checkout_session_id, url)
      this.#isAnew = false
      const detail = { mandate_id, checkout_session_id, url }
      if (this.emit('amazon-pay-opening', detail, { cancelable: true })) location.assign(url)
      setTimeout(() => signal.aborted || this.#setBusy(false), GONE_AFTER_MS)
    } catch (error) {
      if (signal.aborted) throw error
      await this.#notOpened(error, signal)
    }
  }

  /** Null if somebody else has signed in: they have agreed to nothing. @param {AbortSignal} signal */
  async #openOnceOnline(signal) {
    const page = location.origin + location.pathname
    const request = {
      terms: /** @type {Terms} */ (this.#terms),
      accepted: true,
      success_url: this.#address('success-url') ?? page,
      cancel_url: this.#address('cancel-url') ?? page,
      customer: this.#about(String(this.#customer)),
    }
    for (;;) {
      try {
        if (await this.client.customerId() !== this.#customer) return null
        // Otherwise the first attempt to open would be refused, because there is no customer.
        if (this.#isNew) await this.client.saveCustomer(request.customer, { signal })
        return await this.client.openCheckout(request, { signal })
      } catch (error) {
        if (codeOf(error) !== 'offline') throw error
        this.#complain(this.explain(error))
        await online(signal)
        this.#complain('')
      }
    }
  }

  /** @param {any} error @param {AbortSignal} signal */
  async #notOpened(error, signal) {
    if (isSignedOut(error)) throw error
    this.emit('amazon-pay-problem', { problem: error })
    if (error.code === 'terms_changed') {
      this.#showChanged(await this.#read({ signal, fresh: true })) // a cached answer may be what was just refused
    } else {
      this.#setBusy(false)
      this.#complain(this.explain(error))
    }
  }

  // ----------------------------------------------------------------------------------------------- the way back

  /** @param {string} sessionId @param {string | null} returnToken @param {AbortSignal} signal */
  async #showReturn(sessionId, returnToken, signal) {
    this.show('waiting', plainView(this, 'waiting'), { announcement: this.say('waiting'), busy: true })
    remember(`${sessionId}:returned`, 'yes')
    if (returnToken) this.#record(sessionId, returnToken, signal) // what is shown does not wait for it
    try {
      const { outcome, session, problem } = await this.client.waitForOutcome(sessionId, { returned: true, signal })
      if (outcome === 'timed_out' && problem) throw problem
      this.#showOutcome(outcome === 'timed_out' ? 'late' : outcome, session)
    } catch (error) {
      this.#ownOrThrow(error)
    }
  }

  /** @param {string} sessionId @param {string} returnToken @param {AbortSignal} signal */
  async #record(sessionId, returnToken, signal) {
    const refusal = await this.client.recordReturn(sessionId, returnToken, { signal }).then(() => null, (error) => error)
    if (refusal && (signal.aborted || refusal.retryable || isSignedOut(refusal))) return // the next visit posts it
    forget('return_token')
  }

  /** @param {string} outcome @param {CheckoutStatus | null} session */
  #showOutcome(outcome, session) {
    this.show(outcome, plainView(this, outcome, ...this.#afterOutcome(outcome, session)), {
      announcement: `${this.say(`${outcome}_heading`)}. ${this.say(outcome)}`,
    })
    const detail = { outcome: outcome === 'late' ? 'timed_out' : outcome, mandate_id: session?.mandate_id ?? null }
    this.emit('amazon-pay-outcome', detail)
  }

  /** What the customer can do then. @param {string} outcome @param {CheckoutStatus | null} session */
  #afterOutcome(outcome, session) {
    const url = recall(session?.checkout_session_id)
    if (outcome === 'active') {
      const name = this.querySelector('[slot=active]') ? 'active' : 'already'
      return [accountLine(this, session?.funding ?? null), element('slot', { name })]
    }
    if (outcome === 'late') return [this.#button('check_again', () => this.restart())]
    if (outcome === 'declined' && url) {
      return [element('a', { part: 'button', class: 'button', href: url }, this.say('try_at_amazon'))]
    }
    return [this.#button('start_again', () => this.#startAgain())]
  }

  /** Another customer's session is not found. @param {any} error */
  #ownOrThrow(error) {
    if (error.status !== 404) throw error
    this.emit('amazon-pay-problem', { problem: error })
    this.show('another', plainView(this, 'another', this.#button('start_here', () => this.#startAgain())), {
      announcement: this.say('another_heading'),
    })
  }

  #startAgain() {
    forget('checkout_session_id', 'return_token')
    this.#isAnew = true
    this.restart()
  }

  // --------------------------------------------------------------------------------------------- looking again

  /** Keeps the view unless the API now says something else. @param {AbortSignal} signal */
  async #lookAgain(signal) {
    this.client.forgetToken() // somebody else may be signed in by now
    const { sessionId, returnToken } = returned()
    try {
      if (!sessionId) await this.#offerAgain(signal)
      else if (OUTCOMES.includes(this.state)) await this.#sessionAgain(sessionId, signal)
      else await this.#showReturn(sessionId, returnToken, signal)
    } catch (error) {
      if (isSignedOut(error)) throw error
    }
  }

  /** @param {AbortSignal} signal */
  async #offerAgain(signal) {
    const isTheirs = await this.client.customerId() === this.#customer
    if (!isTheirs || !['terms', 'already'].includes(this.state) || !this.#terms) return this.#offer(signal)
    const [terms, { mandates }] = await Promise.all([
      this.#read({ signal }),
      this.client.mandates({ limit: 100, signal }),
    ])
    signal.throwIfAborted()
    this.#isNew = mandates.length === 0
    const current = mandates.find((mandate) => mandate.status === 'active' && isUnder(mandate, terms))
    if (current && this.state !== 'already') this.#showAlready(terms, current)
    if (current) return
    if (this.state === 'already') this.#showTerms(terms, null)
    else if (!isSame(terms, this.#terms)) this.#showChanged(terms)
  }

  /** @param {string} sessionId @param {AbortSignal} signal */
  async #sessionAgain(sessionId, signal) {
    const session = await this.client.checkout(sessionId, { signal }).catch((error) => this.#ownOrThrow(error))
    if (!session) return
    const outcome = session.status === 'pending' ? session.last_failure && 'declined' : session.status
    if (outcome && outcome !== this.state) this.#showOutcome(outcome, session)
  }

  // ---------------------------------------------------------------------------------------------- small parts

  /** @param {string} key @param {() => void} onclick */
  #button(key, onclick) {
    return element('button', { part: 'button', type: 'button', onclick }, this.say(key))
  }

  /** @template {keyof HTMLElementTagNameMap} Name @param {Name} name */
  #find(name) {
    return this.shadowRoot?.querySelector(name)
  }

  /** The button keeps the focus, so it is not `disabled`. @param {boolean} busy */
  #setBusy(busy) {
    this.remark(busy ? 'opening' : 'terms', busy)
    const button = this.#find('button')
    button?.setAttribute('aria-disabled', String(busy))
    if (button) button.textContent = this.say(busy ? 'opening' : 'continue')
    this.announce(busy ? this.say('opening') : '')
  }

  /** @param {string} text */
  #complain(text) {
    const problem = this.shadowRoot?.getElementById('problem')
    if (problem) problem.textContent = text
  }

  /** The page's `email` and `name`, unless it was made for another customer. @param {string} customer */
  #about(customer) {
    const [email, name] = ['email', 'name'].map((attribute) => this.getAttribute(attribute))
    const given = { ...(email && { email }), ...(name && { name }) }
    const key = JSON.stringify(given)
    if (!this.#owners.has(key)) this.#owners.set(key, customer)
    return this.#owners.get(key) === customer ? given : {}
  }

  /** @param {string} attribute */
  #address(attribute) {
    const given = this.getAttribute(attribute)
    return given ? new URL(given, location.href).href : undefined
  }
}

/** Stripe sends customers back only once they have authorised. @param {Mandate | CheckoutStatus} one */
const hasReturned = ({ status, returned: by, checkout_session_id: id }) => (
  status === 'pending' && Boolean(by?.customer || recall(`${id}:returned`)))

/** What a customer should know before they read the terms. @param {CheckoutStatus | null} session @param {Mandate[]} active */
const knownBefore = (session, active) => {
  if (session?.status === 'pending') return session.last_failure ? 'declined' : 'came_back'
  return active.length > 0 ? 'earlier_terms' : null
}

/** Begun in this tab, or finished at Stripe by the customer and not confirmed yet. @param {Mandate} one */
const isUnderWay = (one) => one.status === 'pending' && Boolean(recall(one.checkout_session_id) || hasReturned(one))

/** @param {Mandate} mandate @param {Terms} terms */
const isUnder = (mandate, terms) => mandate.terms_version === terms.version && mandate.terms_digest === terms.digest

/** @param {Terms} one @param {Terms} other */
const isSame = (one, other) => one.digest === other.digest && one.wording_digest === other.wording_digest

/** @param {AbortSignal} signal @returns {Promise<void>} */
const online = (signal) => new Promise((resolve, reject) => {
  addEventListener('online', () => resolve(), { once: true, signal })
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
})
