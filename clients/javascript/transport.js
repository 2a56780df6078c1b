import { Problem } from './problem.js'

/** @import { Answer, Surroundings, Request } from './shapes.js' */
/** @import { Token } from './token.js' */

const TRIES = 3
/** No repeat begins later than this after the first try. */
const PATIENCE_MS = 20_000
/** The API answers within 29 seconds. */
const ANSWER_WITHIN_MS = 35_000
const FIRST_PAUSE_MS = 400

/** Sends requests to the API, with the token. Repeats only those that can't take effect twice. */
export class Transport {
  #api
  #token
  #surroundings

  /** @param {string} api @param {Token} token @param {Surroundings} surroundings */
  constructor(api, token, surroundings) {
    this.#api = api.replace(/\/+$/, '')
    this.#token = token
    this.#surroundings = surroundings
  }

  /**
   * A POST is repeated only if it has a key of its own or is `idempotent`.
   *
   * @param {Request} request
   * @returns {Promise<Answer>}
   */
  async send(request) {
    const { now, sleep, random } = this.#surroundings
    const { signal, tries = TRIES, idempotent = request.method !== 'POST' || request.key } = request
    const last = now() + PATIENCE_MS
    for (let tried = 1; ; tried++) {
      signal?.throwIfAborted()
      try {
        return await this.#authorised(request)
      } catch (problem) {
        signal?.throwIfAborted()
        if (!(problem instanceof Problem && problem.retryable && idempotent) || tried >= tries) throw problem
        const pause = problem.retryAfter === null ? FIRST_PAUSE_MS * 2 ** tried * random() : problem.retryAfter * 1000
        const jitter = FIRST_PAUSE_MS * random()
        if (now() + pause + jitter > last) throw problem
        await sleep(pause + jitter, signal)
      }
    }
  }

  /** @param {Request} request */
  async #authorised(request) {
    if (request.open) return this.#once(request)
    const token = await this.#token.current()
    try {
      return await this.#once(request, token)
    } catch (problem) {
      if (!(problem instanceof Problem && problem.status === 401)) throw problem
      return this.#once(request, await this.#token.after(token))
    }
  }

  /** @param {Request} request @param {string} [token] @returns {Promise<Answer>} */
  async #once({ method = 'GET', path, query = {}, body, key, cache, signal }, token) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null)
    const search = given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : ''
    const headers = new Headers({ Accept: 'application/json' })
    if (token) headers.set('Authorization', `Bearer ${token}`)
    if (key) headers.set('Idempotency-Key', key)
    if (body !== undefined) headers.set('Content-Type', 'application/json')
    return this.#fetched(`${this.#api}${path}${search}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      ...(cache && { cache }),
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
    }, signal)
  }

  /** @param {string} url @param {RequestInit} init @param {AbortSignal} [signal] @returns {Promise<Answer>} */
  async #fetched(url, init, signal) {
    const { fetch, now } = this.#surroundings
    const aborting = new AbortController()
    const abort = () => aborting.abort()
    const timer = setTimeout(abort, ANSWER_WITHIN_MS)
    signal?.addEventListener('abort', abort)
    try {
      const response = await fetch(url, { ...init, signal: aborting.signal })
      return answerOf(response, await response.text(), now())
    } catch (cause) {
      if (cause instanceof Problem) throw cause
      throw new Problem({ code: 'unreachable', detail: `${init.method} got no answer: see \`cause\`` }, { cause })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }
}

/** @param {Response} response @param {string} text @param {number} now @returns {Answer} */
const answerOf = (response, text, now) => {
  const { ok, status } = response
  if (status === 204) return { body: null, text }
  const body = parsed(text)
  if (ok && body) return { body, text }
  const retryAfter = secondsFrom(response.headers.get('Retry-After'), now)
  if (!ok && typeof body?.code === 'string') {
    throw new Problem({ ...body, detail: body.detail ?? body.title ?? body.code, status, retryAfter })
  }
  throw new Problem({ code: 'not_the_api', detail: `an answer ${status} that is not the API's`, status, retryAfter })
}

/** @param {string} text */
const parsed = (text) => {
  try {
    const body = JSON.parse(text)
    return body !== null && typeof body === 'object' ? body : undefined
  } catch {
    return undefined
  }
}

/** Retry-After: seconds or a date (RFC 9110, 10.2.3). @param {string | null} header @param {number} now */
const secondsFrom = (header, now) => {
  if (header === null) return null
  const seconds = /^\d+$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - now) / 1000)
  return Number.isNaN(seconds) ? null : Math.max(0, seconds)
}
