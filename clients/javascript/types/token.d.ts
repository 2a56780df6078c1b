/** The token in use, in memory only. However many requests need a new one, `getToken` is asked once. */
export class Token {
    /** @param {GetToken} getToken @param {() => number} now */
    constructor(getToken: GetToken, now: () => number);
    /** @returns {Promise<string>} */
    current(): Promise<string>;
    /** Another token of the customer whose token `refused` the API did not accept. @param {string} refused */
    after(refused: string): Promise<string>;
    /** Ask `getToken` at the next request: somebody else may be signed in now. */
    forget(): void;
    /** @returns {Promise<string>} */
    subject(): Promise<string>;
    #private;
}
import type { GetToken } from './shapes.js';
