import { AmazonPayMandates } from './mandates.js'
import { AmazonPaySetup } from './setup.js'

export { registerStrings } from './strings.js'
export { AmazonPayMandates, AmazonPaySetup }

if (!customElements.get('amazon-pay-mandates')) customElements.define('amazon-pay-mandates', AmazonPayMandates)
if (!customElements.get('amazon-pay-setup')) customElements.define('amazon-pay-setup', AmazonPaySetup)
