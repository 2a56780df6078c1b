import { activeAccount, endedAccount } from './account-view.js'
import { AmazonPayElement, isSignedOut } from './base.js'
import { element } from './dom.js'
import { bestOf } from './strings.js'
import { withdrawalDialog } from './withdrawal.js'
import { account, day } from './words.js'

/** @import { Account, Actions, Mandate } from './shapes.js' */

/** Payments shown at first, and how many come with each "show more". */
const [AT_FIRST, MORE] = [5, 10]
/** The most that the API gives at once. */
const PAGE = 100

/** `<amazon-pay-mandates>`: the saved accounts, what each permits and was charged, and the way to withdraw. */
export class AmazonPayMandates extends AmazonPayElement {
  /** @type {Account[]} */
  #accounts = []
  /** Whose they are. */
  #customer = ''
  /** Withdrawn here: the API's list may be seconds behind. @type {Set<string>} */
  #withdrawn = new Set()
  /** Set while what is shown could not be read again. @type {{ time: string, problem: string } | undefined} */
  #stale
  #readAt = new Date()
  #endedIsOpen = false
  #isWithdrawing = false
  #shown = ''

  /** @override @param {AbortSignal} signal */
  async start(signal) {
    this.#dialog?.close()
    this.#accounts = []
    this.locale = this.wanted.find((tag) => bestOf([tag], this.languages)) ?? 'en'
    this.show('loading', [
      this.heading(this.say('accounts_heading')),
      element('p', { class: 'quiet' }, this.say('accounts_loading')),
    ], { busy: true })
    await this.#read(signal)
  }

  /** A page from the browser's cache may show somebody else's accounts: it begins anew. @override @param {Event} event */
  wake(event) {
    const { persisted } = /** @type {PageTransitionEvent} */ (event)
    if (this.#isWithdrawing || (event.type === 'pageshow' && !persisted)) return
    this.client.forgetToken()
    if (persisted || !this.#isShowing) this.restart()
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
    const customer = await this.client.customerId()
    signal.throwIfAborted()
    if (this.#accounts.length > 0 && customer !== this.#customer) return this.restart() // somebody else signed in
    this.#customer = customer
    const before = new Map(this.#accounts.map((known) => [known.mandate.mandate_id, known]))
    const reading = []
    for await (const mandate of this.client.allMandates({ signal })) {
      reading.push(this.#account(mandate, before, signal))
    }
    const accounts = await Promise.all(reading)
    if (signal.aborted) return
    this.#accounts = accounts
    this.#stale = undefined
    this.#readAt = new Date()
    this.#render(message ?? this.#goneMeanwhile(before))
  }

  /**
   * The list may be seconds behind: a set-up that it has as pending may be done.
   * @param {Mandate} mandate
   * @param {Map<string, Account>} before
   * @param {AbortSignal} signal
   * @returns {Promise<Account>}
   */
  async #account(mandate, before, signal) {
    if (mandate.status === 'pending') mandate = await this.client.mandate(mandate.mandate_id, { limit: 1, signal })
    if (this.#withdrawn.has(mandate.mandate_id)) mandate = { ...mandate, status: 'revoked' }
    const { charges } = before.get(mandate.mandate_id) ?? {}
    if (mandate.status !== 'active' && !charges) return { mandate, refunds: new Map(), cursor: null }
    const limit = Math.min(Math.max(charges?.length ?? 0, AT_FIRST), PAGE)
    return { mandate, ...await this.#page(mandate, { limit, signal }) }
  }

  /** @param {Mandate} mandate @param {{ limit: number, cursor?: string | null, signal: AbortSignal }} page */
  async #page({ mandate_id }, { signal, ...page }) {
    const { charges, next_cursor: cursor } = await this.client.charges(mandate_id, { signal, ...page })
    const refunded = charges.filter((charge) => charge.refunded > 0)
    const answers = await Promise.all(refunded.map(({ charge_id }) => this.client.refunds(charge_id, { signal })))
    return { charges, cursor, refunds: new Map(answers.map(({ refunds }, at) => [refunded[at].charge_id, refunds])) }
  }

  /** @param {AbortSignal} signal */
  #readAgain = (signal) => this.#keeping(signal, this.#read(signal))

  /** If `reading` fails, what is shown stays. @param {AbortSignal} signal @param {Promise<void>} reading */
  async #keeping(signal, reading) {
    try {
      await reading
    } catch (problem) {
      if (signal.aborted || isSignedOut(problem)) throw problem
      this.emit('amazon-pay-problem', { problem })
      const time = new Intl.DateTimeFormat(this.locale, { timeStyle: 'short' }).format(this.#readAt)
      this.#stale = { time, problem: this.explain(problem) }
      this.#render()
    }
  }

  /** @param {Map<string, Account>} before */
  #goneMeanwhile(before) {
    for (const { mandate } of this.#accounts) if (mandate.status === 'active') before.delete(mandate.mandate_id)
    const gone = [...before.values()].find(({ mandate }) => mandate.status === 'active')
    return gone && this.say('withdrawn_elsewhere', this.#namesOf(gone.mandate))
  }

  // ---------------------------------------------------------------------------------------------- showing

  /** @param {Mandate} mandate */
  #namesOf({ permission, funding }) {
    return {
      business: permission?.business_name ?? this.say('business'),
      account: account(funding, this.#reader).heard,
    }
  }

  /** @param {...Mandate['status']} statuses */
  #in(...statuses) {
    return this.#accounts.filter(({ mandate }) => statuses.includes(mandate.status))
  }

  /** Leaves the view alone if nothing changed. @param {string} [message] */
  #render(message) {
    const accounts = this.#accounts.map((known) => [known, ...known.refunds])
    const now = JSON.stringify([this.locale, accounts, this.#stale, message])
    if (this.#isShowing && now === this.#shown && !this.#stale) return
    this.#shown = now
    const active = this.#in('active')
    if (!active.some(({ mandate }) => mandate.mandate_id === this.#dialog?.id)) this.#dialog?.close()
    const actions = { withdraw: this.#askToWithdraw, showMore: this.#showMore }
    this.show(active.length > 0 ? 'accounts' : 'empty', [
      this.heading(this.say('accounts_heading')),
      message && element('p', { part: 'notice', class: 'notice', tabindex: '-1' }, message),
      this.#stale && this.#staleness(this.#stale),
      ...active.map((each) => activeAccount(each, this.#reader, actions)),
      active.length === 0 && this.#nothingSaved(),
      this.#ended(actions),
    ], {
      announcement: message ?? (this.#stale && this.say('accounts_stale', this.#stale)),
      focus: this.shadowRoot?.activeElement?.id,
    })
  }

  /** @param {{ time: string, problem: string }} stale */
  #staleness(stale) {
    return element('div', { part: 'notice', class: 'notice' },
      element('p', { part: 'problem', class: 'problem' }, this.say('accounts_stale', stale)),
      element('button', {
        part: 'secondary', class: 'secondary', type: 'button', id: 'again', onclick: () => this.run(this.#readAgain),
      }, this.say('try_again')))
  }

  #nothingSaved() {
    const [pending] = this.#in('pending')
    const words = pending
      ? this.say('accounts_pending', { date: day(pending.mandate.created_at, this.#reader) })
      : this.say('accounts_empty')
    return element('div', {}, element('p', { part: 'text' }, words), element('slot', { name: 'empty' }))
  }

  /** Consents that never led to a saved account are left out. @param {Actions} actions */
  #ended(actions) {
    const ended = this.#in('revoked').filter(({ mandate }) => mandate.payment_method_id)
    const details = element('details', {
      open: this.#endedIsOpen, ontoggle: () => { this.#endedIsOpen = details.open },
    },
    element('summary', { id: 'ended' }, this.say('accounts_ended', { count: ended.length })),
    ...ended.map((each) => endedAccount(each, this.#reader, actions)))
    return ended.length > 0 && details
  }

  /** @param {string} id */
  #focus(id) {
    this.shadowRoot?.getElementById(id)?.focus()
  }

  // ---------------------------------------------------------------------------------------------- acting

  /** @param {Account} known @param {HTMLElement} button */
  #showMore = (known, button) => {
    button.ariaDisabled = 'true'
    this.run((signal) => this.#keeping(signal, this.#readMore(known, signal)))
  }

  /** @param {Account} known @param {AbortSignal} signal */
  async #readMore(known, signal) {
    const { mandate, charges = [], refunds, cursor } = known
    const page = await this.#page(mandate, { limit: known.charges ? MORE : AT_FIRST, cursor, signal })
    if (signal.aborted) return
    known.charges = [...charges, ...page.charges]
    known.refunds = new Map([...refunds, ...page.refunds])
    known.cursor = page.cursor
    this.#render()
    this.#focus(page.charges[0]?.charge_id ?? `payments-${mandate.mandate_id}`)
  }

  /** @param {Account} known */
  #askToWithdraw = (known) => {
    const { mandate } = known
    const about = { ...this.#namesOf(mandate), isOnly: this.#in('active').length === 1 }
    const dialog = withdrawalDialog(known, this.#reader, about, () => this.#withdraw(mandate))
    Object.assign(dialog, { id: mandate.mandate_id, dir: this.shadowRoot?.querySelector('section')?.dir })
    dialog.addEventListener('close', () => this.#focus(`withdraw-${mandate.mandate_id}`))
    this.shadowRoot?.append(dialog)
    dialog.showModal()
  }

  /** A 404 means that the mandate was erased, or that somebody else is signed in by now. @param {Mandate} mandate */
  async #withdraw(mandate) {
    const { mandate_id } = mandate
    this.#isWithdrawing = true
    try {
      await this.client.revoke(mandate_id)
    } catch (/** @type {any} */ problem) {
      if (problem.status !== 404 && !isSignedOut(problem)) {
        this.emit('amazon-pay-problem', { problem })
        throw problem
      }
      return this.restart()
    } finally {
      this.#isWithdrawing = false
    }
    this.#withdrawn.add(mandate_id)
    this.#dialog?.close()
    this.emit('amazon-pay-withdrawn', { mandate_id })
    if (!this.isConnected) return
    for (const known of this.#accounts) if (known.mandate.mandate_id === mandate_id) known.mandate.status = 'revoked'
    const message = this.say('withdrawn', this.#namesOf(mandate))
    this.#render(message)
    this.run((signal) => this.#keeping(signal, this.#read(signal, message)))
  }
}
