/** @import { Charge, Frequency, InWords, Mandate, Permission, Reader, Refund, Span } from './shapes.js' */
/** 1299 is $12.99, and ¥1,299. @param {number} minor @param {string} currency @param {Reader} reader */
export function money(minor: number, currency: string, { locale }: Reader): string;
/** The days of a span in the consent's zone. @param {Span} span @param {string} zone @param {Reader} reader */
export function days({ start, end }: Span, zone: string, { locale }: Reader): string;
/** An account's name to see, and to hear. @param {Mandate['funding']} card @param {Reader} reader */
export function account(card: Mandate["funding"], { say }: Reader): {
    seen: string;
    heard: string;
};
/** How a charge stands. @param {Charge} charge @param {Refund[]} refunds @param {Reader} reader */
export function chargeInWords({ status, amount, end_reason, will_retry_at }: Charge, refunds: Refund[], reader: Reader): string;
/** The day of an instant, where the reader is. @type {InWords<string>} */
export const day: InWords<string>;
export function zoneOf({ time_zone, limits }: Permission): string;
export function permissionInWords(permission: Permission, reader: Reader): string[];
/** @type {InWords<Refund>} */
export const refundInWords: InWords<Refund>;
import type { Reader } from './shapes.js';
import type { Span } from './shapes.js';
import type { Mandate } from './shapes.js';
import type { Charge } from './shapes.js';
import type { Refund } from './shapes.js';
import type { InWords } from './shapes.js';
import type { Permission } from './shapes.js';
