/** @import { Child } from './dom.js' */
/** @import { Account, Actions, Charge, InWords, Mandate, Reader, Refund, View } from './shapes.js' */
/** The permission, what is used of it, the way to end it, and the payments. @type {View} */
export const activeAccount: View;
/** An account that ended. Its payments come when they are asked for. @type {View} */
export const endedAccount: View;
import type { View } from './shapes.js';
