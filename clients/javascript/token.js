import { Problem } from './problem.js'

/** @import { GetToken } from './shapes.js' */

/** A token is replaced this long before it expires, so that it lasts for one request. */
const MARGIN_MS = 30_000

/** The token in use, in memory only. However many requests need a new one, `getToken` is asked once. */
export class Token {
  /** @type {string | undefined} */ #token
  /** @type {Promise<string> | undefined} */ #coming
  #getToken
  #now

  /** @param {GetToken} getToken @param {() => number} now */
  constructor(getToken, now) {
    this.#getToken = getToken
    this.#now = now
  }

  /** @returns {Promise<string>} */
  async current() {
    if (this.#token === undefined) return this.#renewed(false)
    const expires = claims(this.#token)?.exp
    const isOver = typeof expires === 'number' && expires * 1000 - MARGIN_MS <= this.#now()
    return isOver ? this.#renewed(true) : this.#token
  }

  /** Another token of the customer whose token `refused` the API did not accept. @param {string} refused */
  async after(refused) {
    if (this.#token === refused) this.#token = undefined
    const token = this.#token ?? await this.#renewed(true)
    if (claims(token)?.sub === claims(refused)?.sub) return token
    throw unauthenticated('somebody else is signed in now: the request was not theirs, so it is not repeated')
  }

  /** Ask `getToken` at the next request: somebody else may be signed in now. */
  forget() {
    this.#token = this.#coming = undefined
  }

  /** @returns {Promise<string>} */
  async subject() {
    const subject = claims(await this.current())?.sub
    if (typeof subject === 'string' && subject) return subject
    throw unauthenticated('the token has no `sub`: getToken has to give the access token, a JWT')
  }

  /** @param {boolean} refresh @returns {Promise<string>} */
  #renewed(refresh) {
    if (this.#coming) return this.#coming
    const coming = this.#ask(refresh)
      .then((token) => {
        if (this.#coming === coming) this.#token = token
        return token
      })
      .finally(() => {
        if (this.#coming === coming) this.#coming = undefined
      })
    this.#coming = coming
    return coming
  }

  /** @param {boolean} refresh @returns {Promise<string>} */
  async #ask(refresh) {
    const token = await Promise.resolve()
      .then(() => this.#getToken({ refresh }))
      .catch((cause) => {
        if (!(cause instanceof TypeError)) throw cause // fetch rejects with a TypeError when nothing answers
        throw new Problem({ code: 'unreachable', detail: 'getToken got no answer: see `cause`' }, { cause })
      })
    if (!token) throw unauthenticated('nobody is signed in: getToken gave no token')
    return token
  }
}

/** @param {string} detail */
const unauthenticated = (detail) => new Problem({ code: 'unauthenticated', status: 401, detail })

/** What a JWT says. Nothing is verified here: the API does that. @param {string} token */
const claims = (token) => {
  try {
    const binary = atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (byte) => byte.charCodeAt(0))))
  } catch {
    return undefined
  }
}
