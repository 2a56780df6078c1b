import { activeAccount, businessOf, endedAccount, nameOf } from './account-view.js'
import { AmazonPayElement, isSignedOut } from './base.js'
import { element } from './dom.js'
import { withdrawalDialog } from './withdrawal.js'
import { day } from './words.js'

/**
 * @typedef {import('./account-view.js').Account} Account
 * @typedef {import('./account-view.js').Api} Api
 */

/** How many payments are shown at first, and how many come with each "show more". */
const AT_FIRST = 5
const MORE = 10
/** Most that the API gives at once. */
const PAGE = 100

/**
 * `<amazon-pay-mandates>`: the customer's saved accounts, what each permits and was charged, and the way to withdraw.
 *
 * What is shown is read again whenever the reader comes back to the page.
 */
export class AmazonPayMandates extends AmazonPayElement {
  /** @type {Account[]} */
  #accounts = []
  /** Mandates that this element withdrew: the list may still be seconds behind. @type {Set<string>} */
  #withdrawn = new Set()
  /** When the accounts were read, if reading them again failed. @type {{ time: string, problem: string } | null} */
  #stale = null
  #readAt = new Date()
  #endedIsOpen = false
  #isWithdrawing = false
  /** What was shown last, so that an unchanged view is left alone. */
  #shown = ''

  /** @override @param {AbortSignal} signal */
  async start(signal) {
    this.#dialog?.close()
    this.#accounts = []
    this.show('loading', [
      this.heading(this.say('accounts_heading')),
      element('p', { class: 'quiet' }, this.say('accounts_loading')),
    ], { busy: true })
    await this.#read(signal)
  }

  /** @override @param {Event} event */
  wake(event) {
    const isFromCache = /** @type {Partial<PageTransitionEvent>} */ (event).persisted
    if (this.#isWithdrawing || (event.type === 'pageshow' && !isFromCache)) return
    this.client.forgetToken()
    if (isFromCache || !this.#isShowing) this.restart()
    else this.run(this.#readAgain)
  }

  get #isShowing() {
    return this.state === 'accounts' || this.state === 'empty'
  }

  get #dialog() {
    return this.shadowRoot?.querySelector('dialog')
  }

  get #reader() {
    return { locale: this.locale, say: this.say.bind(this), explain: this.explain.bind(this) }
  }

  // ---------------------------------------------------------------------------------------------- reading

  /** @param {AbortSignal} signal @param {string} [message] */
  async #read(signal, message) {
    const before = new Map(this.#accounts.map((account) => [account.mandate.mandate_id, account]))
    const accounts = []
    for await (const mandate of this.client.allMandates({ signal })) accounts.push(this.#asKnown(mandate))
    const read = await Promise.all(accounts.map(async (mandate) => {
      const { charges } = before.get(mandate.mandate_id) ?? {}
      const isWanted = mandate.status === 'active' || charges
      return { mandate, ...(isWanted ? await this.#charges(mandate, charges?.length ?? 0, signal) : NOTHING_YET) }
    }))
    if (signal.aborted) return
    this.#accounts = read
    this.#stale = null
    this.#readAt = new Date()
    this.#render(message ?? this.#goneMeanwhile([...before.values()]))
  }

  /** @param {AbortSignal} signal */
  #readAgain = (signal) => this.#keeping(signal, () => this.#read(signal))

  /**
   * If `reading` fails, keeps what is shown and says how old it is.
   * @param {AbortSignal} signal
   * @param {() => Promise<void>} reading
   */
  async #keeping(signal, reading) {
    try {
      await reading()
    } catch (problem) {
      if (signal.aborted || isSignedOut(problem)) throw problem
      this.emit('amazon-pay-problem', { problem })
      const time = new Intl.DateTimeFormat(this.locale, { timeStyle: 'short' }).format(this.#readAt)
      this.#stale = { time, problem: this.explain(problem) }
      this.#render()
    }
  }

  /** @param {Api['Mandate']} mandate @returns {Api['Mandate']} */
  #asKnown(mandate) {
    return this.#withdrawn.has(mandate.mandate_id) ? { ...mandate, status: 'revoked' } : mandate
  }

  /** @param {Api['Mandate']} mandate @param {number} shown how many were shown @param {AbortSignal} signal */
  async #charges({ mandate_id }, shown, signal) {
    const limit = Math.min(Math.max(shown, AT_FIRST), PAGE)
    return this.#page(mandate_id, { limit, signal })
  }

  /** @param {string} mandateId @param {{ limit: number, cursor?: string | null, signal?: AbortSignal }} page */
  async #page(mandateId, page) {
    const { charges, next_cursor: cursor } = await this.client.charges(mandateId, page)
    const refunded = charges.filter((charge) => charge.refunded > 0)
    const refunds = await Promise.all(refunded.map(async ({ charge_id }) => {
      const answer = await this.client.refunds(charge_id, { signal: page.signal })
      return /** @type {const} */ ([charge_id, answer.refunds])
    }))
    return { charges, cursor, refunds: new Map(refunds) }
  }

  /** @param {Account[]} before */
  #goneMeanwhile(before) {
    const active = new Set(this.#in('active').map(({ mandate }) => mandate.mandate_id))
    const gone = before.find(({ mandate }) => mandate.status === 'active' && !active.has(mandate.mandate_id))
    return gone ? this.say('withdrawn_elsewhere', { account: nameOf(gone.mandate, this.#reader) }) : ''
  }

  // ---------------------------------------------------------------------------------------------- showing

  /** @param {...Api['MandateStatus']} statuses */
  #in(...statuses) {
    return this.#accounts.filter(({ mandate }) => statuses.includes(mandate.status))
  }

  /** @param {string} [message] */
  #render(message = '') {
    const active = this.#in('active')
    const key = JSON.stringify([this.locale, this.#accounts, [...this.#accounts.map(({ refunds }) => [...refunds])],
      this.#stale, message])
    if (this.#isShowing && key === this.#shown) return
    this.#shown = key
    if (!active.some(({ mandate }) => mandate.mandate_id === this.#dialog?.dataset.mandate)) this.#dialog?.close()
    const actions = { withdraw: this.#ask, showMore: this.#showMore }
    this.show(active.length > 0 ? 'accounts' : 'empty', [
      this.heading(this.say('accounts_heading')),
      message && element('p', { part: 'status', class: 'notice good', tabindex: '-1' }, message),
      this.#stale && this.#staleness(this.#stale),
      ...active.map((account) => activeAccount(account, this.#reader, actions)),
      active.length === 0 && this.#nothingSaved(),
      this.#ended(actions),
    ], { announcement: message || (this.#stale ? this.say('accounts_stale', this.#stale) : ''), focus: this.#focused })
  }

  /** The id of what has the focus. */
  get #focused() {
    return this.shadowRoot?.activeElement?.id
  }

  /** @param {{ time: string, problem: string }} stale */
  #staleness(stale) {
    return element('div', { class: 'stale' },
      element('p', { part: 'problem', class: 'problem' }, this.say('accounts_stale', stale)),
      element('button', {
        part: 'secondary', class: 'secondary', type: 'button', id: 'again',
        onclick: () => this.run(this.#readAgain),
      }, this.say('try_again')))
  }

  #nothingSaved() {
    const [pending] = this.#in('pending')
    const words = pending
      ? this.say('accounts_pending', { date: day(pending.mandate.created_at, this.#reader) })
      : this.say('accounts_empty')
    return element('div', {}, element('p', { part: 'text' }, words), element('slot', { name: 'empty' }))
  }

  /** @param {import('./account-view.js').Actions} actions */
  #ended(actions) {
    const ended = this.#in('revoked', 'expired')
    if (ended.length === 0) return null
    const details = element('details', {
      open: this.#endedIsOpen, ontoggle: () => { this.#endedIsOpen = details.open },
    },
    element('summary', { id: 'ended' }, this.say('accounts_ended', { count: ended.length })),
    ...ended.map((account) => endedAccount(account, this.#reader, actions)))
    return details
  }

  // ---------------------------------------------------------------------------------------------- acting

  /** @param {Account} account */
  #showMore = (account) => this.run((signal) => this.#keeping(signal, () => this.#readMore(account, signal)))

  /** @param {Account} account @param {AbortSignal} signal */
  async #readMore(account, signal) {
    const { mandate, charges = [], refunds, cursor } = account
    const page = await this.#page(mandate.mandate_id, { limit: account.charges ? MORE : AT_FIRST, cursor, signal })
    if (signal.aborted) return
    account.charges = [...charges, ...page.charges]
    account.refunds = new Map([...refunds, ...page.refunds])
    account.cursor = page.cursor
    this.#render()
    this.#focus(page.charges[0]?.charge_id ?? `payments-${mandate.mandate_id}`)
  }

  /** @param {string} id */
  #focus(id) {
    this.shadowRoot?.getElementById(id)?.focus()
  }

  /** @param {Account} account */
  #ask = (account) => {
    const dialog = withdrawalDialog(account, this.#reader, () => this.#withdraw(account, dialog))
    dialog.dataset.mandate = account.mandate.mandate_id
    dialog.addEventListener('close', () => this.#focus(`withdraw-${account.mandate.mandate_id}`))
    this.shadowRoot?.append(dialog)
    dialog.showModal()
  }

  /** @param {Account} account @param {HTMLDialogElement} dialog */
  async #withdraw({ mandate }, dialog) {
    const { mandate_id } = mandate
    const names = { business: businessOf(mandate, this.#reader), account: nameOf(mandate, this.#reader) }
    try {
      this.#isWithdrawing = true
      await this.client.revoke(mandate_id)
    } catch (problem) {
      if (!isGone(problem) && !isSignedOut(problem)) {
        this.emit('amazon-pay-problem', { problem })
        throw problem
      }
      dialog.close()
      return this.run(this.#readAgain)
    } finally {
      this.#isWithdrawing = false
    }
    this.#withdrawn.add(mandate_id)
    dialog.close()
    this.emit('amazon-pay-withdrawn', { mandate_id })
    if (this.isConnected) this.run((signal) => this.#read(signal, this.say('withdrawn', names)))
  }
}

/** Erased meanwhile, or another customer has signed in. @param {any} problem */
const isGone = (problem) => problem.status === 404

/** Charges that nobody has asked for. */
const NOTHING_YET = { refunds: new Map(), cursor: null }
