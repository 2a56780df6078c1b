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
    checkCharge(mandateId: string, charge: Shapes.ChargeCheckRequest, options?: Shapes.Options): Promise<Shapes.ChargeDecision>;
    /**
     * Charge once. Read `status`: an answer does not mean that the money was taken. After a problem that is
     * `retryable`, call it again **under the same key**.
     *
     * @param {string} mandateId
     * @param {Shapes.ChargeRequest} charge
     * @param {Shapes.WithKey} options
     * @returns {Promise<Shapes.Charge>}
     */
    createCharge(mandateId: string, charge: Shapes.ChargeRequest, options: Shapes.WithKey): Promise<Shapes.Charge>;
    /**
     * Refund `amount`, or all that is left. The key works as for a charge.
     *
     * @param {string} chargeId
     * @param {Shapes.RefundRequest} refund
     * @param {Shapes.WithKey} options
     * @returns {Promise<Shapes.Refund>}
     */
    createRefund(chargeId: string, refund: Shapes.RefundRequest, options: Shapes.WithKey): Promise<Shapes.Refund>;
    /** @param {string} chargeId @param {Shapes.Options} [options] @returns {Promise<Shapes.Charge>} */
    cancelCharge(chargeId: string, options?: Shapes.Options): Promise<Shapes.Charge>;
    /**
     * Record what you told the customer ahead of a charge.
     *
     * @param {string} mandateId
     * @param {Shapes.NoticeRequest} notice
     * @param {Shapes.Options} [options]
     * @returns {Promise<Shapes.Notice>}
     */
    recordNotice(mandateId: string, notice: Shapes.NoticeRequest, options?: Shapes.Options): Promise<Shapes.Notice>;
    /** Newest first. @param {string} customerId @param {Shapes.Page} [page] @returns {Promise<Shapes.MandateList>} */
    mandatesOf(customerId: string, page?: Shapes.Page): Promise<Shapes.MandateList>;
    /**
     * Newest first. A page may be short or empty although another one follows.
     *
     * @param {string} day in UTC, such as 2026-11-27
     * @param {Shapes.Page & { status?: Shapes.MandateStatus }} [page]
     * @returns {Promise<Shapes.MandatesOfDay>}
     */
    mandatesCreatedOn(day: string, page?: Shapes.Page & {
        status?: Shapes.MandateStatus;
    }): Promise<Shapes.MandatesOfDay>;
    /**
     * Newest first. A page may be short or empty although another one follows.
     *
     * @param {string} day in UTC, such as 2026-11-27
     * @param {Shapes.Page & { status?: Shapes.ChargeStatus }} [page]
     * @returns {Promise<Shapes.ChargesOfDay>}
     */
    chargesCreatedOn(day: string, page?: Shapes.Page & {
        status?: Shapes.ChargeStatus;
    }): Promise<Shapes.ChargesOfDay>;
    /**
     * A page of the signed evidence. Save `text`, byte for byte. Another page follows if `pack.page.next` is not null.
     *
     * @param {string} mandateId
     * @param {{ page?: number } & Shapes.Options} [options]
     * @returns {Promise<{ pack: Shapes.EvidencePack, text: string }>}
     */
    evidence(mandateId: string, { page, signal }?: {
        page?: number;
    } & Shapes.Options): Promise<{
        pack: Shapes.EvidencePack;
        text: string;
    }>;
    /** The keys that verify evidence. @param {Shapes.Options} [options] @returns {Promise<Shapes.EvidenceKeys>} */
    evidenceKeys(options?: Shapes.Options): Promise<Shapes.EvidenceKeys>;
}
import { CustomerClient } from './client.js';
import type * as Shapes from './shapes.js';
