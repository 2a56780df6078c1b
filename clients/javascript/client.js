import { at } from './path.js'
import { Problem } from './problem.js'
import { Token } from './token.js'
import { Transport } from './transport.js'
import { sleeping, waitForOutcome } from './waiting.js'

/** @import * as Shapes from './shapes.js' */

/**
 * The mandates API for the signed-in customer, as a browser uses it. Fields have the API's names. A request that
 * fails rejects with a `Problem`.
 */
export class CustomerClient {
  #surroundings
  #token
  #transport

  /** @param {Shapes.ClientOptions} options */
  constructor({ api, getToken, ...replaced }) {
    const fetch = /** @type {typeof globalThis.fetch} */ ((...sent) => globalThis.fetch(...sent))
    this.#surroundings = { fetch, now: Date.now, sleep: sleeping, random: Math.random, ...replaced }
    this.#token = new Token(getToken, this.#surroundings.now)
    this.#transport = new Transport(api, this.#token, this.#surroundings)
  }

  /** The token's `sub`. It is read and not verified; the API verifies it. */
  async customerId() {
    return this.#token.subject()
  }

  /** Call it when somebody signs in or out: the next request asks `getToken`. */
  forgetToken() {
    this.#token.forget()
  }

  /**
   * The terms to show, in `locale` if they have it. `fresh` gets them past the cache.
   *
   * @param {{ locale?: string, fresh?: boolean } & Shapes.Options} [options]
   * @returns {Promise<Shapes.Terms>}
   */
  async terms({ locale, fresh, signal } = {}) {
    const cache = fresh ? 'no-cache' : undefined
    return this.ask({ path: '/terms/current', query: { locale }, open: true, cache, signal })
  }

  /**
   * @param {Shapes.CustomerRequest} [customer]
   * @param {Shapes.Options} [options]
   * @returns {Promise<Shapes.CustomerSaved>}
   */
  async saveCustomer(customer = {}, options) {
    return this.ask({ method: 'PUT', path: at`/customers/${await this.customerId()}`, body: customer, ...options })
  }

  /** @param {Shapes.Options} [options] @returns {Promise<Shapes.Customer>} */
  async customer(options) {
    return this.ask({ path: at`/customers/${await this.customerId()}`, ...options })
  }

  /**
   * Record the consent to the terms that were shown, and open Stripe's page: send the browser to the answer's `url`.
   * Repeating it is harmless. `customer` (email and name) is saved if there is no Stripe customer yet.
   *
   * @param {Shapes.CheckoutToOpen} checkout
   * @param {Shapes.Options} [options]
   * @returns {Promise<Shapes.CheckoutOpened>}
   */
  async openCheckout({ terms, accepted, success_url, cancel_url, customer }, options) {
    const { version: terms_version, digest: terms_digest, locale, wording_digest } = terms
    const body = { terms_version, terms_digest, locale, wording_digest, accepted, success_url, cancel_url }
    const open = () => this.ask({ method: 'POST', path: '/checkout-sessions', body, idempotent: true, ...options })
    try {
      return await open()
    } catch (problem) {
      if (!(problem instanceof Problem && problem.code === 'customer_required')) throw problem
      await this.saveCustomer(customer, options)
      return open()
    }
  }

  /** @param {string} sessionId @param {Shapes.Options} [options] @returns {Promise<Shapes.CheckoutStatus>} */
  async checkout(sessionId, options) {
    return this.ask({ path: at`/checkout-sessions/${sessionId}`, ...options })
  }

  /**
   * Report who came back from Stripe's page. `not_found` means that another customer began this session.
   *
   * @param {string} sessionId
   * @param {string} returnToken `return_token` in the address
   * @param {Shapes.Options} [options]
   * @returns {Promise<Shapes.ReturnRecorded>}
   */
  async recordReturn(sessionId, returnToken, options) {
    const path = at`/checkout-sessions/${sessionId}/return`
    return this.ask({ method: 'POST', path, body: { return_token: returnToken }, idempotent: true, ...options })
  }

  /**
   * Wait until the account is saved, or it is certain that it won't be.
   *
   * `returned`: the browser is on `success_url`. Stripe sends it there only after a success, so a failure that the API
   * still reports belongs to an earlier attempt. It counts only if it lasts a few seconds.
   *
   * @param {string} sessionId
   * @param {{ timeout?: number, returned?: boolean } & Shapes.Options} [options] timeout in milliseconds
   * @returns {Promise<Shapes.Outcome>}
   */
  async waitForOutcome(sessionId, options = {}) {
    const request = { path: at`/checkout-sessions/${sessionId}`, tries: 1, signal: options.signal }
    return waitForOutcome({ ...options, ...this.#surroundings, ask: () => this.ask(request) })
  }

  /** Newest first. @param {Shapes.Page} [page] @returns {Promise<Shapes.MandateList>} */
  async mandates(page) {
    return this.ask({ path: at`/customers/${await this.customerId()}/mandates`, ...paged(page) })
  }

  /**
   * All mandates of the customer, newest first.
   *
   * @param {Shapes.Options} [options]
   * @returns {AsyncGenerator<Shapes.Mandate, void>}
   */
  async *allMandates(options) {
    /** @type {string | null} */ let cursor = null
    do {
      /** @type {Shapes.MandateList} */ const page = await this.mandates({ limit: 100, cursor, ...options })
      yield* page.mandates
      cursor = page.next_cursor
    } while (cursor)
  }

  /**
   * With a page of its ledger, oldest entry first.
   *
   * @param {string} mandateId
   * @param {Shapes.Page} [page]
   * @returns {Promise<Shapes.MandateWithLedger>}
   */
  async mandate(mandateId, page) {
    return this.ask({ path: at`/mandates/${mandateId}`, ...paged(page) })
  }

  /**
   * Withdraw the permission, at once and for good. Repeating it is harmless.
   *
   * @param {string} mandateId
   * @param {Shapes.RevokeRequest & Shapes.Options} [options]
   * @returns {Promise<Shapes.Revoked>}
   */
  async revoke(mandateId, { signal, ...body } = {}) {
    return this.ask({ method: 'POST', path: at`/mandates/${mandateId}/revoke`, body, idempotent: true, signal })
  }

  /** Newest first. @param {string} mandateId @param {Shapes.Page} [page] @returns {Promise<Shapes.ChargeList>} */
  async charges(mandateId, page) {
    return this.ask({ path: at`/mandates/${mandateId}/charges`, ...paged(page) })
  }

  /** @param {string} chargeId @param {Shapes.Options} [options] @returns {Promise<Shapes.Charge>} */
  async charge(chargeId, options) {
    return this.ask({ path: at`/charges/${chargeId}`, ...options })
  }

  /** @param {string} chargeId @param {Shapes.Options} [options] @returns {Promise<Shapes.RefundList>} */
  async refunds(chargeId, options) {
    return this.ask({ path: at`/charges/${chargeId}/refunds`, ...options })
  }

  /**
   * What the customer was told ahead of charges, latest date first.
   *
   * @param {string} mandateId
   * @param {Shapes.Page} [page]
   * @returns {Promise<Shapes.NoticeList>}
   */
  async notices(mandateId, page) {
    return this.ask({ path: at`/mandates/${mandateId}/notices`, ...paged(page) })
  }

  /**
   * The JSON of any route. A POST is repeated only under a key of its own, or if you say that it is `idempotent`.
   *
   * @param {Shapes.Request} request
   */
  async ask(request) {
    return (await this.send(request)).body
  }

  /** As `ask`, with the text as it came. @param {Shapes.Request} request */
  async send(request) {
    return this.#transport.send(request)
  }
}

/** @param {Shapes.Query} [page] @returns {Pick<Shapes.Request, 'query' | 'signal'>} */
export const paged = ({ signal, ...query } = {}) => ({ query, signal })
