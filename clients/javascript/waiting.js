import { Problem } from './problem.js'

/** @import { CheckoutStatus, Outcome, Waiting } from './shapes.js' */

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 8000
/** The API asks Stripe at most once in three seconds; answers in between repeat what it knew. */
const NEWS_WITHIN_MS = 3500

/**
 * Ask until the session has an outcome. Pauses grow, and end when the page becomes visible or the browser online.
 * Throws a problem that repeating can't solve.
 *
 * @param {Waiting} waiting
 * @returns {Promise<Outcome>}
 */
export const waitForOutcome = async ({ ask, now, sleep, random, returned, signal, ...waiting }) => {
  const { timeout = 90_000, page = globalThis } = waiting
  const end = now() + timeout
  let pause = FIRST_PAUSE_MS
  /** @type {CheckoutStatus | null} */ let session = null
  /** @type {Problem | null} */ let problem = null
  /** @type {number | undefined} */ let declinedAt
  for (;;) {
    signal?.throwIfAborted()
    try {
      session = await ask()
      problem = null
    } catch (caught) {
      signal?.throwIfAborted()
      if (!(caught instanceof Problem && caught.retryable)) throw caught
      problem = caught
    }
    if (session && session.status !== 'pending') return { outcome: session.status, session, problem: null }
    if (session?.last_failure && !problem) {
      declinedAt ??= now()
      if (!returned || now() - declinedAt >= NEWS_WITHIN_MS) return { outcome: 'declined', session, problem: null }
    }
    if (now() >= end) return { outcome: 'timed_out', session, problem }
    const least = (problem?.retryAfter ?? 0) * 1000
    const wait = Math.max(least, pause * (0.5 + random() / 2))
    await napping(Math.min(wait, end - now()), sleep, signal, page)
    pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)
  }
}

/**
 * Sleep, but not once the customer looks at the page again or the network is back.
 *
 * @param {number} ms
 * @param {Waiting['sleep']} sleep
 * @param {AbortSignal | undefined} signal
 * @param {NonNullable<Waiting['page']>} page
 */
const napping = async (ms, sleep, signal, page) => {
  const nap = new AbortController()
  const wake = () => nap.abort()
  const wakeIfSeen = () => page.document?.visibilityState === 'visible' && wake()
  signal?.addEventListener('abort', wake)
  page.document?.addEventListener('visibilitychange', wakeIfSeen)
  page.addEventListener?.('online', wake)
  try {
    await sleep(ms, nap.signal)
  } finally {
    signal?.removeEventListener('abort', wake)
    page.document?.removeEventListener('visibilitychange', wakeIfSeen)
    page.removeEventListener?.('online', wake)
  }
}

/** Resolves after `ms`, or as soon as `signal` aborts. @type {Waiting['sleep']} */
export const sleeping = (ms, signal) =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
