/**
 * `<amazon-pay-setup>`: shows the terms, takes the customer's consent, leads to Amazon Pay and, on the page to which
 * Stripe sends the customer back, shows the outcome.
 */
export class AmazonPaySetup extends AmazonPayElement {
    #private;
}
import { AmazonPayElement } from './base.js';
