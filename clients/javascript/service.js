import { CustomerClient, paged } from './client.js'
import { at } from './path.js'

/** @import * as Shapes from './shapes.js' */

/** The whole API: what a customer may do, and what a business's back end does with a service's token. */
export class MandatesClient extends CustomerClient {
  /**
   * Whether a charge is permitted. Nothing is charged or reserved.
   *
   * @param {string} mandateId
   * @param {Shapes.ChargeCheckRequest} charge
   * @param {Shapes.Options} [options]
   * @returns {Promise<Shapes.ChargeDecision>}
   */
  async checkCharge(mandateId, charge, options) {
    const path = at`/mandates/${mandateId}/charges/check`
    return this.ask({ method: 'POST', path, body: charge, idempotent: true, ...options })
  }

  /**
   * Charge once. Read `status`: an answer does not mean that the money was taken. After a problem that is
   * `retryable`, call it again **under the same key**.
   *
   * @param {string} mandateId
   * @param {Shapes.ChargeRequest} charge
   * @param {Shapes.WithKey} options
   * @returns {Promise<Shapes.Charge>}
   */
  async createCharge(mandateId, charge, options) {
    return this.ask({ method: 'POST', path: at`/mandates/${mandateId}/charges`, body: charge, ...underItsKey(options) })
  }

  /**
   * Refund `amount`, or all that is left. The key works as for a charge.
   *
   * @param {string} chargeId
   * @param {Shapes.RefundRequest} refund
   * @param {Shapes.WithKey} options
   * @returns {Promise<Shapes.Refund>}
   */
  async createRefund(chargeId, refund, options) {
    return this.ask({ method: 'POST', path: at`/charges/${chargeId}/refunds`, body: refund, ...underItsKey(options) })
  }

  /** @param {string} chargeId @param {Shapes.Options} [options] @returns {Promise<Shapes.Charge>} */
  async cancelCharge(chargeId, options) {
    return this.ask({ method: 'POST', path: at`/charges/${chargeId}/cancel`, idempotent: true, ...options })
  }

  /**
   * Record what you told the customer ahead of a charge.
   *
   * @param {string} mandateId
   * @param {Shapes.NoticeRequest} notice
   * @param {Shapes.Options} [options]
   * @returns {Promise<Shapes.Notice>}
   */
  async recordNotice(mandateId, notice, options) {
    const path = at`/mandates/${mandateId}/notices`
    return this.ask({ method: 'POST', path, body: notice, idempotent: true, ...options })
  }

  /** Newest first. @param {string} customerId @param {Shapes.Page} [page] @returns {Promise<Shapes.MandateList>} */
  async mandatesOf(customerId, page) {
    return this.ask({ path: at`/customers/${customerId}/mandates`, ...paged(page) })
  }

  /**
   * Newest first. A page may be short or empty although another one follows.
   *
   * @param {string} day in UTC, such as 2026-11-27
   * @param {Shapes.Page & { status?: Shapes.MandateStatus }} [page]
   * @returns {Promise<Shapes.MandatesOfDay>}
   */
  async mandatesCreatedOn(day, page) {
    return this.ask({ path: '/mandates', ...paged({ ...page, created_on: day }) })
  }

  /**
   * Newest first. A page may be short or empty although another one follows.
   *
   * @param {string} day in UTC, such as 2026-11-27
   * @param {Shapes.Page & { status?: Shapes.ChargeStatus }} [page]
   * @returns {Promise<Shapes.ChargesOfDay>}
   */
  async chargesCreatedOn(day, page) {
    return this.ask({ path: '/charges', ...paged({ ...page, created_on: day }) })
  }

  /**
   * A page of the signed evidence. Save `text`, byte for byte. Another page follows if `pack.page.next` is not null.
   *
   * @param {string} mandateId
   * @param {{ page?: number } & Shapes.Options} [options]
   * @returns {Promise<{ pack: Shapes.EvidencePack, text: string }>}
   */
  async evidence(mandateId, { page, signal } = {}) {
    const { body, text } = await this.send({ path: at`/mandates/${mandateId}/evidence`, query: { page }, signal })
    return { pack: body, text }
  }

  /** The keys that verify evidence. @param {Shapes.Options} [options] @returns {Promise<Shapes.EvidenceKeys>} */
  async evidenceKeys(options) {
    return this.ask({ path: '/evidence-keys', open: true, ...options })
  }
}

/** @param {Shapes.WithKey} [options] */
const underItsKey = ({ idempotencyKey, signal } = { idempotencyKey: '' }) => {
  if (typeof idempotencyKey === 'string' && idempotencyKey) return { key: idempotencyKey, signal }
  throw new TypeError('idempotencyKey is missing: without a key of its own, a repeated request would move money twice')
}
