// An API that answers what the test says, and a clock that only sleeping moves.
import { MandatesClient } from '../index.js'

/** A JWT of the parts that the client reads. */
export const jwt = (claims) => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`
}

export const TOKEN = jwt({ sub: 'customer-1' })

export const ok = (body = {}) => Response.json(body)

export const problem = (status, code, members = {}, headers = {}) =>
  Response.json(
    { type: 'about:blank', title: 'A title', status, code, detail: `about ${code}`, request_id: 'r-1', ...members },
    { status, headers: { 'Content-Type': 'application/problem+json', ...headers } },
  )

export const busy = (retryAfter) => problem(503, 'busy', {}, { 'Retry-After': String(retryAfter) })

export const page = (status, headers = {}) =>
  new Response('<html>Sorry</html>', { status, headers: { 'Content-Type': 'text/html', ...headers } })

export const offline = () => {
  throw new TypeError('fetch failed')
}

/**
 * A client of an API that gives `answers` in turn, the last one again and again. Each is a Response, or a function
 * of the request that gives or throws one.
 */
export const fake = ({ answers = [ok()], random = () => 0, getToken = () => TOKEN } = {}) => {
  const clock = { ms: 1_800_000_000_000 }
  const requests = []
  const slept = []
  const asked = []
  const left = [...answers]
  const client = new MandatesClient({
    api: 'https://api.shop.example/v1/',
    getToken: async (request) => {
      asked.push(request)
      return getToken(request)
    },
    fetch: async (url, init) => {
      init.signal.throwIfAborted()
      const request = { url, ...init, headers: Object.fromEntries(init.headers) }
      requests.push(request)
      const answer = left.length > 1 ? left.shift() : left[0]
      return typeof answer === 'function' ? answer(request) : answer.clone()
    },
    now: () => clock.ms,
    sleep: async (ms) => {
      slept.push(ms)
      clock.ms += ms
    },
    random,
  })
  return { client, clock, requests, slept, asked }
}
