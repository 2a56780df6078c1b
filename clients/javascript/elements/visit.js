/** What the page's address and this tab remember of a visit to Stripe's page. */

const KEY = 'amazon-pay:'

/** What Stripe put into the address: the page needs nothing that only the tab knows in which it all began. */
export function returned() {
  const query = new URLSearchParams(location.search)
  return { sessionId: query.get('checkout_session_id'), returnToken: query.get('return_token') }
}

/** Takes members out of the address, which may be bookmarked, shared or logged. @param {...string} names */
export function forget(...names) {
  const address = new URL(location.href)
  for (const name of names) address.searchParams.delete(name)
  history.replaceState(history.state, '', address)
}

/**
 * Keeps a value for as long as this tab: the address of Stripe's page, by session, to try again there.
 * @param {string} key
 * @param {string} value
 */
export function remember(key, value) {
  try {
    sessionStorage.setItem(KEY + key, value)
  } catch {
    // The browser keeps nothing for this page. Trying again then begins at the terms.
  }
}

/** @param {string | null | undefined} key @returns {string | null} */
export function recall(key) {
  try {
    return sessionStorage.getItem(KEY + key)
  } catch {
    return null
  }
}
