declare const Problem_base: ErrorWithMembers;
/**
 * Why a request did not succeed. Branch on `code`: one of the API's (`ProblemCode` in openapi.yaml), or
 * `unreachable` (no answer) or `not_the_api` (an answer that the API does not give, such as a proxy's error page).
 * `message` is for developers. The API's other members (`left`, `earliest`, `current_locale`, …) are here by name.
 */
export class Problem extends Problem_base {
    /** @param {ProblemInit} init @param {ErrorOptions} [options] */
    constructor(init: ProblemInit, options?: ErrorOptions);
    code: import("./shapes.js").Code;
    /** The HTTP status; null without an answer. */
    status: number | null;
    detail: string;
    /** Every reason against a charge, a notice or a refund. */
    reasons: ("mandate_not_active" | "mandate_revoked" | "disputed" | "return_not_seen" | "currency_not_agreed" | "amount_not_agreed" | "above_charge_limit" | "above_period_limit" | "too_frequent" | "one_time_already_used" | "before_start" | "after_end" | "notice_required" | "in_progress" | "already_charged" | "too_many_attempts" | "charging_paused" | "not_succeeded" | "too_late" | "nothing_left" | "more_than_left" | "too_many_refunds")[];
    /** Which URL is wrong: `success_url` or `cancel_url`. */
    field: "success_url" | "cancel_url" | null;
    /** The API's id of the request, for its operator. */
    requestId: string | null;
    /** Seconds to wait before the same request may succeed, if the API said so. */
    retryAfter: number | null;
    /** Whether the same request may succeed later, without anybody changing anything. */
    retryable: boolean;
}
import type { ErrorWithMembers } from './shapes.js';
import type { ProblemInit } from './shapes.js';
export {};
