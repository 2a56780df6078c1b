/**
 * The code by which a failure has words.
 * @param {any} error
 * @returns {string}
 */
export function codeOf(error: any): string;
export function isSignedOut(error: any): boolean;
/**
 * What both elements share: the client from their attributes, the language, the view in a shadow root, the live region.
 *
 * A subclass implements `start(signal)`, which shows its first view, and `wake(event)`, which looks again. `signal` is
 * aborted when the element leaves the page or starts anew.
 */
export class AmazonPayElement extends HTMLElement {
    static observedAttributes: string[];
    set client(client: CustomerClient);
    /** @returns {CustomerClient} */
    get client(): CustomerClient;
    set getToken(getToken: GetToken | undefined);
    get getToken(): GetToken | undefined;
    set strings(strings: Record<string, Strings>);
    /** Texts of the page's own, by language tag. */
    get strings(): Record<string, Strings>;
    /** The name of what is shown now. */
    get state(): string;
    /** The languages that the reader wants, best first. */
    get wanted(): readonly string[];
    /** Uses the words for `locale` from the next view on. */
    set locale(locale: string);
    /** The language of the words in use. */
    get locale(): string;
    /** Every language that there are words for. */
    get languages(): string[];
    say(key: string, values?: Record<string, string | number>): string;
    connectedCallback(): void;
    disconnectedCallback(): void;
    attributeChangedCallback(): void;
    /** Begins anew once everything that the page sets in one go is set. Without an API to talk to, it waits for one. */
    restart(): void;
    /**
     * Ends what runs and runs `work` instead. What it throws is shown, with `work` to be tried again.
     * @param {(signal: AbortSignal) => Promise<void>} work
     */
    run(work: (signal: AbortSignal) => Promise<void>): void;
    /** @param {AbortSignal} _signal @returns {Promise<void>} */
    start(_signal: AbortSignal): Promise<void>;
    /** The page is visible, online or back from the browser's cache. @param {Event} _event */
    wake(_event: Event): void;
    /**
     * Shows a view in place of the last one. If the reader was inside, the focus goes to the element with the id `focus`,
     * else to a notice, else to the new heading, since the control they used is gone. Otherwise the live region reads
     * `announcement` out.
     * @param {string} state
     * @param {Child[]} children
     * @param {{ announcement?: string, busy?: boolean, focus?: string }} [options]
     */
    show(state: string, children: Child[], { announcement, busy, focus }?: {
        announcement?: string;
        busy?: boolean;
        focus?: string;
    }): void;
    /** Names the state anew without touching the view. @param {string} state @param {boolean} busy */
    remark(state: string, busy: boolean): void;
    /** Has a screen reader say something without moving the focus. @param {string} text */
    announce(text: string): void;
    /** @param {string} text */
    heading(text: string): HTMLHeadingElement;
    /** What went wrong, in words for a customer. @param {any} error */
    explain(error: any): string;
    /** @param {any} error @param {() => void} again */
    fail(error: any, again: () => void): void;
    showSignedOut(): void;
    /**
     * Dispatches an event to the page. False if the page prevented the element's own next step.
     * @param {string} name
     * @param {object} detail
     * @param {{ cancelable?: boolean }} [options]
     */
    emit(name: string, detail: object, { cancelable }?: {
        cancelable?: boolean;
    }): boolean;
    #private;
}
import { CustomerClient } from '../client.js';
import type { GetToken } from '../shapes.js';
import type { Strings } from './strings.js';
import type { Child } from './dom.js';
