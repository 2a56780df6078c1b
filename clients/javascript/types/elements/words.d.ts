/**
 * What a permission, a charge, a refund and a period are in words. Nothing here reads the page.
 *
 * Plurals come from `Intl.NumberFormat` with `style: 'unit'`, so strings need no plural forms.
 *
 * @typedef {import('../api.d.ts').components['schemas']} Api
 * @typedef {'day' | 'week' | 'month' | 'year'} Period
 * @typedef {object} Permission What `permission` of a mandate has, in the API's own words.
 * @property {string} business_name
 * @property {{ kind: string, interval?: Period, every?: number }} frequency
 * @property {{ kind: string, amount?: number }} amount in minor units of `limits.currency`
 * @property {{ currency: string, per_charge: number, first_date?: string, last_date?: string,
 *   per_period?: { amount: number, period: Period, time_zone: string } }} limits
 * @property {{ hours: number }} [notice]
 * @property {string} [time_zone] IANA
 * @typedef {{ start: string, end: string | null }} Span from `start` on, before `end`
 *
 * @typedef {object} Reader Whoever reads the words.
 * @property {(key: string, values?: Record<string, string>) => string} say a text of `en.js`, in their language
 * @property {string} locale for numbers and dates
 * @property {string} [zone] the reader's own time zone (IANA); the browser's without
 */
/**
 * @param {number} minor in minor units: 1299 is $12.99, and ¥1,299
 * @param {string} currency ISO 4217
 * @param {Reader} reader
 */
export function money(minor: number, currency: string, { locale }: Reader): string;
/**
 * The day of an instant, in the reader's own zone.
 * @param {string} instant
 * @param {Reader} reader
 */
export function day(instant: string, { locale, zone }: Reader): string;
/**
 * A date without a time, such as `2026-11-27`, in no zone at all.
 * @param {string} date
 * @param {Reader} reader
 */
export function calendarDate(date: string, { locale }: Reader): string;
/**
 * The days of a span, as the consent's calendar has them.
 * @param {Span} span
 * @param {string} zone the consent's
 * @param {Reader} reader
 */
export function days({ start, end }: Span, zone: string, reader: Reader): string;
/**
 * The zone whose calendar counts, as the API's `Terms` say.
 * @param {Permission} permission
 */
export function zoneOf({ time_zone, limits }: Permission): string;
/**
 * `Amazon Pay · Visa •••• 4242` to see and `Amazon Pay, Visa ending in 4242` to hear; without a card just `Amazon Pay`.
 * @param {{ brand: string, last4: string } | null} funding
 * @param {Reader} reader
 */
export function account(funding: {
    brand: string;
    last4: string;
} | null, { say }: Reader): {
    seen: string;
    heard: string;
};
/**
 * What the customer permitted: the most important sentence first.
 * @param {Permission} permission
 * @param {Reader} reader
 */
export function permissionInWords(permission: Permission, reader: Reader): string[];
/**
 * How a charge stands.
 * @param {Api['Charge']} charge
 * @param {Api['Refund'][]} refunds
 * @param {Reader} reader
 */
export function chargeInWords(charge: Api["Charge"], refunds: Api["Refund"][], reader: Reader): string;
/**
 * @param {Api['Refund']} refund
 * @param {Reader} reader
 */
export function refundInWords({ status, amount, currency, requested_at }: Api["Refund"], reader: Reader): string;
/**
 * What a permission, a charge, a refund and a period are in words. Nothing here reads the page.
 *
 * Plurals come from `Intl.NumberFormat` with `style: 'unit'`, so strings need no plural forms.
 */
export type Api = import("../api.d.ts").components["schemas"];
/**
 * What a permission, a charge, a refund and a period are in words. Nothing here reads the page.
 *
 * Plurals come from `Intl.NumberFormat` with `style: 'unit'`, so strings need no plural forms.
 */
export type Period = "day" | "week" | "month" | "year";
/**
 * What `permission` of a mandate has, in the API's own words.
 */
export type Permission = {
    business_name: string;
    frequency: {
        kind: string;
        interval?: Period;
        every?: number;
    };
    /**
     * in minor units of `limits.currency`
     */
    amount: {
        kind: string;
        amount?: number;
    };
    limits: {
        currency: string;
        per_charge: number;
        first_date?: string;
        last_date?: string;
        per_period?: {
            amount: number;
            period: Period;
            time_zone: string;
        };
    };
    notice?: {
        hours: number;
    } | undefined;
    /**
     * IANA
     */
    time_zone?: string | undefined;
};
/**
 * from `start` on, before `end`
 */
export type Span = {
    start: string;
    end: string | null;
};
/**
 * Whoever reads the words.
 */
export type Reader = {
    /**
     * a text of `en.js`, in their language
     */
    say: (key: string, values?: Record<string, string>) => string;
    /**
     * for numbers and dates
     */
    locale: string;
    /**
     * the reader's own time zone (IANA); the browser's without
     */
    zone?: string | undefined;
};
