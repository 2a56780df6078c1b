export { registerStrings } from "./strings.js";
import { AmazonPayMandates } from './mandates.js';
import { AmazonPaySetup } from './setup.js';
export { AmazonPayMandates, AmazonPaySetup };
