import type { components, operations } from '#api';
import type { Problem } from './problem.js';
type Schemas = components['schemas'];
type Json<Message> = Message extends {
    content: {
        'application/json': infer Body;
    };
} ? Body : never;
/** The JSON body that an operation takes. */
export type Sent<Name extends keyof operations> = operations[Name] extends {
    requestBody?: infer Message;
} ? Json<NonNullable<Message>> : never;
/** The JSON that an operation answers when it succeeds. */
export type Answered<Name extends keyof operations> = operations[Name] extends {
    responses: infer Responses;
} ? {
    [Status in keyof Responses]: Status extends 200 | 201 ? Json<Responses[Status]> : never;
}[keyof Responses] : never;
export type Terms = Answered<'getCurrentTerms'>;
export type CustomerRequest = Sent<'putCustomer'>;
export type CustomerSaved = Answered<'putCustomer'>;
export type Customer = Answered<'getCustomer'>;
export type CheckoutRequest = Sent<'createCheckoutSession'>;
export type CheckoutOpened = Answered<'createCheckoutSession'>;
export type CheckoutStatus = Answered<'getCheckoutSession'>;
export type ReturnRecorded = Answered<'recordReturn'>;
export type MandateList = Answered<'listMandates'>;
export type Mandate = MandateList['mandates'][number];
export type MandatesOfDay = Answered<'listMandatesOfDay'>;
export type MandateStatus = Schemas['MandateStatus'];
export type MandateWithLedger = Answered<'getMandate'>;
export type RevokeRequest = Sent<'revokeMandate'>;
/** A service without `mandates:read` gets only the id and the status. */
export type Revoked = Answered<'revokeMandate'>;
export type ChargeList = Answered<'listCharges'>;
export type ChargesOfDay = Answered<'listChargesOfDay'>;
export type Charge = Answered<'getCharge'>;
export type ChargeRequest = Sent<'createCharge'>;
export type ChargeCheckRequest = Sent<'checkCharge'>;
export type ChargeDecision = Answered<'checkCharge'>;
export type ChargeStatus = Schemas['ChargeStatus'];
export type ChargeReason = Schemas['ChargeReason'];
export type RefundList = Answered<'listRefunds'>;
export type RefundRequest = Sent<'createRefund'>;
export type Refund = Answered<'createRefund'>;
export type RefundReason = Schemas['RefundReason'];
export type NoticeList = Answered<'listNotices'>;
export type NoticeRequest = Sent<'recordNotice'>;
export type Notice = Answered<'recordNotice'>;
export type EvidencePack = Answered<'getEvidence'>;
export type EvidenceKeys = Answered<'getEvidenceKeys'>;
export type ProblemCode = Schemas['ProblemCode'];
export interface Options {
    signal?: AbortSignal;
}
export interface Page extends Options {
    /** The most items on one page: 1 to 100. */
    limit?: number;
    /** `next_cursor` of the page before. */
    cursor?: string | null;
}
export interface Query extends Page {
    created_on?: string;
    status?: string;
}
export interface WithKey extends Options {
    /** A key of your own for each charge or refund, such as the id of the invoice. */
    idempotencyKey: string;
}
/** `refresh`: the token before is not accepted any more. Nobody signed in: null. */
export type GetToken = (asked: {
    refresh: boolean;
}) => Promise<string | null> | string | null;
export interface ClientOptions extends Partial<Surroundings> {
    /** The API's address with its stage, such as `https://api.shop.example/v1`. */
    api: string;
    /** Gives the access token. It is kept in memory until it expires or the API refuses it. */
    getToken: GetToken;
}
/** What a test replaces. */
export interface Surroundings {
    fetch: typeof globalThis.fetch;
    /** Milliseconds since 1970. */
    now: () => number;
    /** Resolves after `ms`, or as soon as `signal` aborts. */
    sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
    /** At least 0, less than 1. */
    random: () => number;
}
export interface CheckoutToOpen {
    /** The terms exactly as they were shown. */
    terms: Pick<Terms, 'version' | 'digest' | 'locale' | 'wording_digest'>;
    /** True once the customer has opted in, and never before. */
    accepted: boolean;
    success_url: string;
    cancel_url: string;
    /** Saved if there is no Stripe customer yet. */
    customer?: Pick<CustomerRequest, 'email' | 'name'>;
}
export interface Outcome {
    outcome: 'active' | 'declined' | 'expired' | 'revoked' | 'timed_out';
    /** The latest answer; null if there was none. */
    session: CheckoutStatus | null;
    /** `timed_out`: what kept the API from answering; null if it answered, and the session is still pending. */
    problem: Problem | null;
}
export interface Waiting extends Omit<Surroundings, 'fetch'>, Options {
    ask: () => Promise<CheckoutStatus>;
    timeout?: number;
    returned?: boolean;
    page?: Partial<Pick<EventTarget, 'addEventListener' | 'removeEventListener'>> & {
        document?: EventTarget & {
            visibilityState: string;
        };
    };
}
export interface Request extends Options {
    /** GET, unless it is given. */
    method?: 'GET' | 'PUT' | 'POST';
    path: string;
    query?: Record<string, string | number | null | undefined>;
    body?: unknown;
    /** The Idempotency-Key. */
    key?: string;
    /** Whether a POST is harmless to repeat without a key. */
    idempotent?: boolean;
    /** Needs no token. */
    open?: boolean;
    tries?: number;
    cache?: RequestCache;
}
export interface Answer {
    body: any;
    text: string;
}
export type Code = ProblemCode | 'unreachable' | 'not_the_api';
type Told = 'code' | 'status' | 'detail' | 'reasons' | 'field' | 'request_id';
/** What the API tells with some codes only. */
export type ProblemMembers = Partial<Omit<Schemas['Problem'], Told>>;
export type ProblemInit = ProblemMembers & {
    code: Code;
    detail: string;
    status?: number | null;
    reasons?: Schemas['Problem']['reasons'];
    field?: Schemas['Problem']['field'] | null;
    request_id?: string | null;
    retryAfter?: number | null;
};
export interface ErrorWithMembers {
    new (message?: string, options?: ErrorOptions): Error & ProblemMembers;
}
export {};
