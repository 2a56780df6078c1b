import { AmazonPaySetup } from './setup.js'

export { registerStrings } from './strings.js'
export { AmazonPaySetup }

if (!customElements.get('amazon-pay-setup')) customElements.define('amazon-pay-setup', AmazonPaySetup)
