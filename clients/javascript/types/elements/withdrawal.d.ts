/** @import { Account, Reader } from './shapes.js' */
/**
 * The question before a withdrawal, as a modal dialog with the focus on the safe answer. After a failure it stays open
 * and says what went wrong.
 *
 * @param {Account} account
 * @param {Reader & { explain: (problem: any) => string }} reader
 * @param {{ business: string, account: string, isOnly: boolean }} about `isOnly`: nothing else can be charged
 * @param {() => Promise<void>} withdraw closes the dialog once it succeeded
 */
export function withdrawalDialog({ charges }: Account, reader: Reader & {
    explain: (problem: any) => string;
}, { isOnly, ...names }: {
    business: string;
    account: string;
    isOnly: boolean;
}, withdraw: () => Promise<void>): HTMLDialogElement;
import type { Account } from './shapes.js';
import type { Reader } from './shapes.js';
