/** `<amazon-pay-mandates>`: the saved accounts, what each permits and was charged, and the way to withdraw. */
export class AmazonPayMandates extends AmazonPayElement {
    #private;
}
import { AmazonPayElement } from './base.js';
