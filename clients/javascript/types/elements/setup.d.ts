/** `<amazon-pay-setup>`: shows the terms, takes the customer's consent and leads to Amazon Pay and back. */
export class AmazonPaySetup extends AmazonPayElement {
}
import { AmazonPayElement } from './base.js';
