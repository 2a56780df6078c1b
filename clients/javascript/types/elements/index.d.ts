export { registerStrings } from "./strings.js";
export { AmazonPaySetup };
import { AmazonPaySetup } from './setup.js';
