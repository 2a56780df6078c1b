// The names that the JSDoc of <amazon-pay-mandates> uses. Browsers never load this file.
import type { Charge, Mandate as ReadMandate, Refund } from '../shapes.js'
import type { Say } from './strings.js'

export type { Charge, Refund }

export type Period = 'day' | 'week' | 'month' | 'year'

/** From `start` on, before `end`; null if that is beyond the year 9999. */
export interface Span {
  start: string
  end: string | null
}

/** What the customer agreed to. Amounts are in minor units of `limits.currency`, zones are IANA names. */
export interface Permission {
  business_name: string
  frequency: { kind: string; interval?: Period; every?: number }
  amount: { kind: string; amount?: number }
  limits: {
    currency: string
    per_charge: number
    per_period?: { amount: number; period: Period; time_zone: string }
    first_date?: string
    last_date?: string
  }
  notice?: { hours: number }
  time_zone?: string
}

export interface Spending {
  currency: string
  used: number
  left: number
  period: Span
}

export type Mandate = ReadMandate & { permission: Permission | null; spending: Spending | null }

/** Whoever reads the words: their language, and their time zone if it is not the browser's. */
export interface Reader {
  say: Say
  locale: string
  zone?: string
}

/** `what` in the reader's words. */
export type InWords<What> = (what: What, reader: Reader) => string

/** A mandate with what was read of its charges. */
export interface Account {
  mandate: Mandate
  /** Newest first. None were read yet without. */
  charges?: Charge[]
  /** By the id of their charge. */
  refunds: Map<string, Refund[]>
  /** Where older charges begin; null if these are all. */
  cursor: string | null
}

export interface Actions {
  withdraw: (account: Account) => void
  showMore: (account: Account) => void
}

/** A part of the view of an account. */
export type View = (account: Account, reader: Reader, actions: Actions) => HTMLElement
