import { AmazonPayElement } from './base.js'
import { element } from './dom.js'

/** `<amazon-pay-setup>`: shows the terms, takes the customer's consent and leads to Amazon Pay and back. */
export class AmazonPaySetup extends AmazonPayElement {
  /** @override @param {AbortSignal} signal */
  async start(signal) {
    this.show('loading', [], { busy: true })
    const terms = await this.client.terms({ locale: this.wanted[0] ?? 'en' })
    if (signal.aborted) return
    this.locale = terms.locale
    this.show('terms', [element('p', { part: 'text' }, terms.text)])
  }
}
