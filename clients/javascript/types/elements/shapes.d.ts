import type { components } from '#api';
import type { Charge, Mandate, Refund } from '../shapes.js';
import type { Say } from './strings.js';
export type { Charge, Mandate, Refund };
export type Permission = components['schemas']['Permission'];
export type Frequency = components['schemas']['Frequency'];
export type Span = components['schemas']['Span'];
/** Whoever reads the words: their language, and their time zone if it is not the browser's. */
export interface Reader {
    say: Say;
    locale: string;
    zone?: string;
}
/** `what` in the reader's words. */
export type InWords<What> = (what: What, reader: Reader) => string;
/** A mandate with what was read of its charges. */
export interface Account {
    mandate: Mandate;
    /** Newest first. None were read yet without. */
    charges?: Charge[];
    /** By the id of their charge. */
    refunds: Map<string, Refund[]>;
    /** Where older charges begin; null if these are all. */
    cursor: string | null;
}
export interface Actions {
    withdraw: (account: Account) => void;
    showMore: (account: Account, button: HTMLElement) => void;
}
/** A part of the view of an account. */
export type View = (account: Account, reader: Reader, actions: Actions) => HTMLElement;
