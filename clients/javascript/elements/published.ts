// What TypeScript finds under `amazon-pay-mandates/elements`: the classes, and the elements' names and events in the DOM.
import type { Problem } from '../problem.js'
import type { AmazonPayMandates, AmazonPaySetup } from './index.js'

export * from './index.js'

/** The customer has consented, and the browser is about to go to Stripe's page. */
export interface Opening {
  mandate_id: string
  checkout_session_id: string
  url: string
}

/** What became of a set-up. */
export interface OutcomeOfSetup {
  outcome: 'active' | 'declined' | 'expired' | 'revoked' | 'timed_out'
  /** Null if the API could not be asked. */
  mandate_id: string | null
}

export interface ElementEvents {
  /** Cancelable: then the page itself sends the browser to `url`. */
  'amazon-pay-opening': CustomEvent<Opening>
  'amazon-pay-outcome': CustomEvent<OutcomeOfSetup>
  'amazon-pay-withdrawn': CustomEvent<{ mandate_id: string }>
  /** Not every failure has an answer of the API: what the page's `getToken` throws comes as it is. */
  'amazon-pay-problem': CustomEvent<{ problem: Problem | Error }>
}

export interface AttributesOfBoth {
  /** The API's address with its stage. */
  api?: string
  /** Where the page's own server gives the token: `{"token": "…"}`, or `{"token": null}` if nobody is signed in. */
  'token-url'?: string
  /** The reader's language. Without it, the browser's. */
  lang?: string
}

export interface AttributesOfSetup extends AttributesOfBoth {
  'success-url'?: string
  'cancel-url'?: string
  email?: string
  name?: string
}

declare global {
  interface HTMLElementTagNameMap {
    'amazon-pay-setup': AmazonPaySetup
    'amazon-pay-mandates': AmazonPayMandates
  }
  interface HTMLElementEventMap extends ElementEvents {}
}
