/** Sends requests to the API, with the token. Repeats only those that can't take effect twice. */
export class Transport {
    /** @param {string} api @param {Token} token @param {Surroundings} surroundings */
    constructor(api: string, token: Token, surroundings: Surroundings);
    /**
     * A POST is repeated only if it has a key of its own or is `idempotent`.
     *
     * @param {Request} request
     * @returns {Promise<Answer>}
     */
    send(request: Request): Promise<Answer>;
    #private;
}
import type { Request } from './shapes.js';
import type { Answer } from './shapes.js';
import type { Token } from './token.js';
import type { Surroundings } from './shapes.js';
