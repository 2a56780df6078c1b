/** @import * as Shapes from './shapes.js' */
/**
 * The mandates API for the signed-in customer, as a browser uses it. Fields have the API's names. A request that
 * fails rejects with a `Problem`.
 */
export class CustomerClient {
    /** @param {Shapes.ClientOptions} options */
    constructor({ api, getToken, ...replaced }: Shapes.ClientOptions);
    /** The token's `sub`. It is read and not verified; the API verifies it. */
    customerId(): Promise<string>;
    /** Call it when somebody signs in or out: the next request asks `getToken`. */
    forgetToken(): void;
    /**
     * The terms to show, in `locale` if they have it. `fresh` gets them past the cache.
     *
     * @param {{ locale?: string, fresh?: boolean } & Shapes.Options} [options]
     * @returns {Promise<Shapes.Terms>}
     */
    terms({ locale, fresh, signal }?: {
        locale?: string;
        fresh?: boolean;
    } & Shapes.Options): Promise<Shapes.Terms>;
    /**
     * @param {Shapes.CustomerRequest} [customer]
     * @param {Shapes.Options} [options]
     * @returns {Promise<Shapes.CustomerSaved>}
     */
    saveCustomer(customer?: Shapes.CustomerRequest, options?: Shapes.Options): Promise<Shapes.CustomerSaved>;
    /** @param {Shapes.Options} [options] @returns {Promise<Shapes.Customer>} */
    customer(options?: Shapes.Options): Promise<Shapes.Customer>;
    /**
     * Record the consent to the terms that were shown, and open Stripe's page: send the browser to the answer's `url`.
     * Repeating it is harmless. `customer` (email and name) is saved if there is no Stripe customer yet.
     *
     * @param {Shapes.CheckoutToOpen} checkout
     * @param {Shapes.Options} [options]
     * @returns {Promise<Shapes.CheckoutOpened>}
     */
    openCheckout({ terms, accepted, success_url, cancel_url, customer }: Shapes.CheckoutToOpen, options?: Shapes.Options): Promise<Shapes.CheckoutOpened>;
    /** @param {string} sessionId @param {Shapes.Options} [options] @returns {Promise<Shapes.CheckoutStatus>} */
    checkout(sessionId: string, options?: Shapes.Options): Promise<Shapes.CheckoutStatus>;
    /**
     * Report who came back from Stripe's page. `not_found` means that another customer began this session.
     *
     * @param {string} sessionId
     * @param {string} returnToken `return_token` in the address
     * @param {Shapes.Options} [options]
     * @returns {Promise<Shapes.ReturnRecorded>}
     */
    recordReturn(sessionId: string, returnToken: string, options?: Shapes.Options): Promise<Shapes.ReturnRecorded>;
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
    waitForOutcome(sessionId: string, options?: {
        timeout?: number;
        returned?: boolean;
    } & Shapes.Options): Promise<Shapes.Outcome>;
    /** Newest first. @param {Shapes.Page} [page] @returns {Promise<Shapes.MandateList>} */
    mandates(page?: Shapes.Page): Promise<Shapes.MandateList>;
    /**
     * All mandates of the customer, newest first.
     *
     * @param {Shapes.Options} [options]
     * @returns {AsyncGenerator<Shapes.Mandate, void>}
     */
    allMandates(options?: Shapes.Options): AsyncGenerator<Shapes.Mandate, void>;
    /**
     * With a page of its ledger, oldest entry first.
     *
     * @param {string} mandateId
     * @param {Shapes.Page} [page]
     * @returns {Promise<Shapes.MandateWithLedger>}
     */
    mandate(mandateId: string, page?: Shapes.Page): Promise<Shapes.MandateWithLedger>;
    /**
     * Withdraw the permission, at once and for good. Repeating it is harmless.
     *
     * @param {string} mandateId
     * @param {Shapes.RevokeRequest & Shapes.Options} [options]
     * @returns {Promise<Shapes.Revoked>}
     */
    revoke(mandateId: string, { signal, ...body }?: Shapes.RevokeRequest & Shapes.Options): Promise<Shapes.Revoked>;
    /** Newest first. @param {string} mandateId @param {Shapes.Page} [page] @returns {Promise<Shapes.ChargeList>} */
    charges(mandateId: string, page?: Shapes.Page): Promise<Shapes.ChargeList>;
    /** @param {string} chargeId @param {Shapes.Options} [options] @returns {Promise<Shapes.Charge>} */
    charge(chargeId: string, options?: Shapes.Options): Promise<Shapes.Charge>;
    /** @param {string} chargeId @param {Shapes.Options} [options] @returns {Promise<Shapes.RefundList>} */
    refunds(chargeId: string, options?: Shapes.Options): Promise<Shapes.RefundList>;
    /**
     * What the customer was told ahead of charges, latest date first.
     *
     * @param {string} mandateId
     * @param {Shapes.Page} [page]
     * @returns {Promise<Shapes.NoticeList>}
     */
    notices(mandateId: string, page?: Shapes.Page): Promise<Shapes.NoticeList>;
    /**
     * The JSON of any route. A POST is repeated only under a key of its own, or if you say that it is `idempotent`.
     *
     * @param {Shapes.Request} request
     */
    ask(request: Shapes.Request): Promise<any>;
    /** As `ask`, with the text as it came. @param {Shapes.Request} request */
    send(request: Shapes.Request): Promise<Shapes.Answer>;
    #private;
}
export function paged({ signal, ...query }?: Shapes.Query): Pick<Shapes.Request, "query" | "signal">;
import type * as Shapes from './shapes.js';
