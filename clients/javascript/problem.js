/** @import { ErrorWithMembers, ProblemInit } from './shapes.js' */

/** Server errors (5xx) that last until the operator has acted. */
const FOR_THE_OPERATOR = ['ledger_unreadable', 'stripe_refused', 'unknown_at_stripe']

/**
 * Why a request did not succeed. Branch on `code`: one of the API's (`ProblemCode` in openapi.yaml), or
 * `unreachable` (no answer) or `not_the_api` (an answer that the API does not give, such as a proxy's error page).
 * `message` is for developers. The API's other members (`left`, `earliest`, `current_locale`, …) are here by name.
 */
export class Problem extends /** @type {ErrorWithMembers} */ (Error) {
  /** @param {ProblemInit} init @param {ErrorOptions} [options] */
  constructor(init, options) {
    const { code, status = null, detail, reasons = [], field = null, request_id = null, ...others } = init
    super(detail, options)
    this.name = 'Problem'
    this.code = code
    /** The HTTP status; null without an answer. */
    this.status = status
    this.detail = detail
    /** Every reason against a charge, a notice or a refund. */
    this.reasons = reasons
    /** Which URL is wrong: `success_url` or `cancel_url`. */
    this.field = field
    /** The API's id of the request, for its operator. */
    this.requestId = request_id
    /** Seconds to wait before the same request may succeed, if the API said so. */
    this.retryAfter = init.retryAfter ?? null
    /** Whether the same request may succeed later, without anybody changing anything. */
    this.retryable = status === null ? code === 'unreachable' : mayPass(status) && !FOR_THE_OPERATOR.includes(code)
    for (const [name, value] of Object.entries(others)) {
      if (!(name in this)) Object.defineProperty(this, name, { value, enumerable: true })
    }
  }
}

/** @param {number} status */
const mayPass = (status) => status === 429 || status >= 500
