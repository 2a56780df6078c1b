// A small use of every route, compiled and never run (tests/contract/test_typescript.py).
import type { components, paths } from "../api.d.ts";

type Problem = components["schemas"]["Problem"];

type Operation<Path extends keyof paths, Method extends keyof paths[Path]> = paths[Path][Method];

type Json<Response> = Response extends { content: { "application/json": infer Body } } ? Body : never;

type Answer<Path extends keyof paths, Method extends keyof paths[Path]> =
  Operation<Path, Method> extends { responses: infer Responses }
    ? { [Status in keyof Responses]: Status extends 200 | 201 ? Json<Responses[Status]> : never }[keyof Responses]
    : never;

type Body<Path extends keyof paths, Method extends keyof paths[Path]> =
  Operation<Path, Method> extends { requestBody?: { content: { "application/json": infer Sent } } } ? Sent : never;

declare function ask<Path extends keyof paths, Method extends keyof paths[Path]>(
  body?: Body<Path, Method>,
): Promise<Answer<Path, Method>>;

export async function everyRoute(): Promise<string[]> {
  const terms = await ask<"/terms/current", "get">();
  const customer = await ask<"/customers/{customer_id}", "put">({ email: "customer@shop.example" });
  const known = await ask<"/customers/{customer_id}", "get">();
  const opened = await ask<"/checkout-sessions", "post">({
    terms_version: terms.version,
    terms_digest: terms.digest,
    wording_digest: terms.wording_digest,
    locale: terms.locale,
    accepted: true,
    success_url: "https://shop.example/return",
    cancel_url: "https://shop.example/",
  });
  const session = await ask<"/checkout-sessions/{checkout_session_id}", "get">();
  const back = await ask<"/checkout-sessions/{checkout_session_id}/return", "post">({ return_token: "from the address" });
  const listed = await ask<"/customers/{customer_id}/mandates", "get">();
  const ofDay = await ask<"/mandates", "get">();
  const mandate = await ask<"/mandates/{mandate_id}", "get">();
  const revoked = await ask<"/mandates/{mandate_id}/revoke", "post">({ reason: "requested" });
  const charge = await ask<"/mandates/{mandate_id}/charges", "post">({
    amount: 1299,
    currency: "usd",
    reference: "order-42",
    description: "Order 42 at Example Shop",
  });
  const notice = await ask<"/mandates/{mandate_id}/notices", "post">({
    amount: 1299,
    date: "2026-12-01",
    reference: "message-7",
  });
  const notices = await ask<"/mandates/{mandate_id}/notices", "get">();
  const charges = await ask<"/mandates/{mandate_id}/charges", "get">();
  const chargesOfDay = await ask<"/charges", "get">();
  const charged = await ask<"/charges/{charge_id}", "get">();
  const refund = await ask<"/charges/{charge_id}/refunds", "post">({ amount: 600, reason: "requested_by_customer" });
  const refunds = await ask<"/charges/{charge_id}/refunds", "get">();
  const canceled = await ask<"/charges/{charge_id}/cancel", "post">();
  const decision = await ask<"/mandates/{mandate_id}/charges/check", "post">({
    amount: 1299,
    currency: "usd",
    reference: "order-42",
    description: "Order 42 at Example Shop",
    at: "2026-12-01T09:00:00+01:00",
  });
  const pack = await ask<"/mandates/{mandate_id}/evidence", "get">();
  const keys = await ask<"/evidence-keys", "get">();
  const received = await ask<"/webhooks/stripe", "post">({ id: "evt_1", type: "customer.deleted" });
  type Pdf = Operation<"/mandates/{mandate_id}/evidence.pdf", "get">["responses"][200]["content"]["application/pdf"];
  const pdf: Pdf | null = null;

  const cursor: string | null = mandate.next_cursor;
  const last: string | undefined = mandate.ledger.at(-1)?.hash;
  const isActive: boolean = session.status === "active" || revoked.status === "active";
  const most: number | undefined = mandate.permission?.limits.per_period?.amount;
  const left: number | undefined = listed.mandates[0]?.spending?.left;
  // @ts-expect-error: the answer to a return does not say what was permitted
  const permitted = back.permission;
  // @ts-expect-error: no mandate is ever "paused"
  const isPaused = mandate.status === "paused";
  // @ts-expect-error: currencies are in lower case
  await ask<"/mandates/{mandate_id}/charges", "post">({ amount: 1, currency: "USD", reference: "a", description: "b" });
  // @ts-expect-error: the consent must say which wording was shown
  await ask<"/checkout-sessions", "post">({ terms_version: "1", terms_digest: "", accepted: true });

  return [
    customer.stripe_customer_id,
    known.created_at,
    opened.url,
    back.returned.customer ?? "",
    listed.mandates[0]?.mandate_id ?? "",
    ofDay.mandates[0]?.customer_id ?? "",
    charge.charge_id,
    charges.charges[0]?.failure?.code ?? "",
    chargesOfDay.next_cursor ?? "",
    notice.charge_from,
    notices.notices[0]?.charge_id ?? "",
    charged.status === "succeeded" ? "deliver" : "wait",
    refund.refund_id,
    refunds.refunds[0]?.failure ?? "",
    charged.disputes?.[0]?.evidence_due_by ?? "",
    canceled.end_reason ?? canceled.status,
    decision.reasons.includes("too_frequent") ? (decision.earliest ?? "never") : "",
    pack.signature.value,
    keys.keys[0]?.fingerprint ?? "",
    String([received.received, cursor, last, isActive, isPaused, pdf, most, left, permitted]),
  ];
}

export function advice(problem: Problem): string {
  switch (problem.code) {
    case "terms_changed":
      return `show ${problem.current_version}`;
    case "charge_not_permitted":
      return `at ${problem.earliest}, because ${problem.reasons?.join()}`;
    case "refund_not_permitted":
      return `${problem.left} ${problem.currency} left, because ${problem.reasons?.join()}`;
    case "charge_is_final":
      return problem.charge_status === "succeeded" ? "refund" : "nothing to do";
    case "notice_too_late":
      return `for ${problem.earliest_date}`;
    case "busy":
    case "stripe_unavailable":
      return "again";
    default:
      return `${problem.detail} (${problem.request_id})`;
  }
}
