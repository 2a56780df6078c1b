/** @import { Mandate, Terms } from '../shapes.js' */
/** @import { AmazonPayElement } from './base.js' */
/** @import { Child } from './dom.js' */
/**
 * What stands above the terms: a plain text, or the sections that are new.
 * @typedef {{ text: string, sections?: string[] }} Notice
 */
/**
 * @typedef {object} TermsForm
 * @property {Terms} terms
 * @property {string[]} locales the languages to choose from
 * @property {Notice | null} notice
 * @property {(event: Event) => void} onSubmit
 * @property {(event: Event) => void} onTick
 * @property {(event: Event) => void} onLanguage
 */
/** The shape of the terms while they are loading, so that little moves when they come. */
export function skeleton(): HTMLDivElement[];
/** @param {AmazonPayElement} host @param {TermsForm} form @returns {Child[]} */
export function termsView(host: AmazonPayElement, { terms, locales, notice, onSubmit, onTick, onLanguage }: TermsForm): Child[];
/**
 * A state that is a heading, a text and at most one thing to do.
 * @param {AmazonPayElement} host @param {string} name @param {...Child} more
 * @returns {Child[]}
 */
export function plainView(host: AmazonPayElement, name: string, ...more: Child[]): Child[];
/** The card behind the account, once one is known. @param {AmazonPayElement} host @param {Mandate['funding']} funding */
export function accountLine(host: AmazonPayElement, funding: Mandate["funding"]): HTMLParagraphElement | null;
/**
 * What stands above the terms: a plain text, or the sections that are new.
 */
export type Notice = {
    text: string;
    sections?: string[];
};
export type TermsForm = {
    terms: Terms;
    /**
     * the languages to choose from
     */
    locales: string[];
    notice: Notice | null;
    onSubmit: (event: Event) => void;
    onTick: (event: Event) => void;
    onLanguage: (event: Event) => void;
};
import type { AmazonPayElement } from './base.js';
import type { Child } from './dom.js';
import type { Mandate } from '../shapes.js';
import type { Terms } from '../shapes.js';
