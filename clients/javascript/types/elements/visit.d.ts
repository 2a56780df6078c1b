/** What Stripe put into the address: the page needs nothing that only the tab knows in which it all began. */
export function returned(): {
    sessionId: string | null;
    returnToken: string | null;
};
/** Takes members out of the address, which may be bookmarked, shared or logged. @param {...string} names */
export function forget(...names: string[]): void;
/**
 * Keeps a value for as long as this tab: the address of Stripe's page, by session, to try again there.
 * @param {string} key
 * @param {string} value
 */
export function remember(key: string, value: string): void;
/** @param {string | null | undefined} key @returns {string | null} */
export function recall(key: string | null | undefined): string | null;
