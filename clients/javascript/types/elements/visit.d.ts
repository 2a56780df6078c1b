/** What Stripe put into the address: the page needs nothing that only the tab knows in which it all began. */
export function returned(): {
    sessionId: string | null;
    returnToken: string | null;
};
/** Takes members out of the address, which may be bookmarked, shared or logged. @param {...string} names */
export function forget(...names: string[]): void;
/** Keeps the address of Stripe's page, to try again there. @param {{ checkout_session_id: string, url: string }} opened */
export function remember({ checkout_session_id: id, url }: {
    checkout_session_id: string;
    url: string;
}): void;
/** @param {string | null | undefined} sessionId @returns {string | null} */
export function recall(sessionId: string | null | undefined): string | null;
