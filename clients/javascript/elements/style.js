/**
 * The look of both elements. Light or dark follows the page's own `color-scheme`. Sizes follow its font size.
 *
 * `.card` and `dialog` reset what they inherit from a page's rules for all elements, but not the spacing of letters and
 * words: some readers need more of it.
 */
export const sheet = new CSSStyleSheet()

sheet.replaceSync(`
:host {
  --_accent: var(--amazon-pay-accent, light-dark(#1f4e79, #9cc4ea));
  --_on-accent: var(--amazon-pay-on-accent, light-dark(#fff, #0d1b29));
  --_ink: var(--amazon-pay-ink, light-dark(#1b1e22, #eceef0));
  --_quiet: var(--amazon-pay-quiet, light-dark(#575e67, #aab1ba));
  --_surface: var(--amazon-pay-surface, light-dark(#fff, #1b1d20));
  --_line: var(--amazon-pay-line, light-dark(#dcdfe3, #3b3f45));
  --_alarm: var(--amazon-pay-alarm, light-dark(#a3261b, #f4a79f));
  --_good: var(--amazon-pay-good, light-dark(#1c6b43, #86d0a5));
  --_radius: var(--amazon-pay-radius, .5em);
  display: block;
  container-type: inline-size;
  color: var(--_ink);
  font-family: var(--amazon-pay-font, inherit);
  line-height: 1.5;
  text-align: start;
  overflow-wrap: anywhere;
}
:host([hidden]), [hidden] { display: none }
*, ::before, ::after { box-sizing: border-box }
slot { display: block }
slot:not(:has-slotted) { display: none }
h2, h3, p, dl, dd, ul, ol, fieldset { margin: 0; padding: 0; border: 0 }

.card, dialog {
  color: var(--_ink); font-style: normal; font-weight: 400; text-align: start; text-indent: 0; text-transform: none;
  white-space: normal; cursor: auto;
}
.card {
  padding: clamp(1em, 5cqi, 2em);
  border: 1px solid var(--_line);
  border-radius: var(--_radius);
  background: var(--_surface);
}
.card > * + *, form > * + * { margin-block-start: 1em }
.card > slot { display: block }
h2 { overflow-wrap: anywhere; font-size: 1.375em; font-weight: 600; line-height: 1.25; text-wrap: balance }
p, dd { text-wrap: pretty }
h2:focus { outline: none }
.quiet { color: var(--_quiet); font-size: .875em }
.unseen {
  position: absolute; width: 1px; height: 1px; margin: 0;
  overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}

button, .button {
  display: inline-flex; align-items: center; justify-content: center;
  min-height: 2.75em; padding: .5em 1.25em;
  border: 1px solid transparent; border-radius: var(--_radius);
  background: var(--_accent); color: var(--_on-accent);
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
  max-width: 100%;
}
button:hover { background: color-mix(in srgb, var(--_accent) 88%, var(--_ink)) }
button[aria-disabled=true] { opacity: .85; cursor: progress }
.secondary { border-color: var(--_quiet); background: none; color: var(--_ink) }
.secondary:hover { background: color-mix(in srgb, var(--_ink) 6%, transparent) }
.danger { background: var(--_alarm); color: var(--_surface) }
.danger:hover { background: color-mix(in srgb, var(--_alarm) 88%, var(--_ink)) }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px }

select {
  min-height: 2.75rem; max-width: 100%; padding: .25em .5em;
  border: 1px solid var(--_quiet); border-radius: var(--_radius);
  background: var(--_surface); color: inherit; font: inherit;
}
header > *, .choice > span { min-width: 0 }
header { display: flex; flex-wrap: wrap; gap: .5em 1em; align-items: center; justify-content: space-between }
.language { display: flex; flex-wrap: wrap; gap: .25em .5em; align-items: center }
.promises { border-block: 1px solid var(--_line) }
.promise { padding-block: .75em }
.promise + .promise { border-block-start: 1px solid var(--_line) }
dt { font-weight: 600 }
.new {
  margin-inline-start: .5em; padding: .125em .5em;
  border: 1px solid; border-radius: var(--_radius);
  color: var(--_accent); font-size: .75em; vertical-align: .125em;
}
.notice { padding: .75em 1em; border-inline-start: 4px solid var(--_accent); background: color-mix(in srgb, var(--_accent) 7%, transparent) }
.notice .promises { margin-block-start: .5em; border: 0 }
.notice .promise:last-child { padding-block-end: 0 }
@container (max-width: 28em) {
  .main { width: 100% }
}
@container (max-width: 20em) {
  .card { padding: .75em }
  h2 { font-size: 1.2em }
  h2, p, dd, label { hyphens: auto }
  .bones .block { height: 8.5em }
}
@container (min-width: 32em) {
  .promise { display: grid; grid-template-columns: 9em 1fr; gap: 1em }
  .bones .block { height: 4.25em }
}
.choice {
  display: flex; gap: .75em; align-items: flex-start;
  min-height: 2.75em; padding: .75em; cursor: pointer;
  border: 1px solid var(--_line); border-radius: var(--_radius);
  background: color-mix(in srgb, var(--_ink) 3%, transparent);
}
.choice > span { min-width: 0; overflow-wrap: anywhere }
.choice input { flex: none; width: 1.375em; height: 1.375em; margin: .0625em 0 0; accent-color: var(--_accent) }
form > .problem:empty { margin: 0 }
.tick {
  display: block; position: relative; width: 2.5em; height: 2.5em;
  border: 2px solid var(--_good); border-radius: 50%;
}
.tick::after {
  content: ''; position: absolute; inset-block-start: .5em; inset-inline-start: .8125em; width: .625em; height: 1.125em;
  border: solid var(--_good); border-width: 0 2px 2px 0; transform: rotate(45deg);
}
.waiting { height: 2px; overflow: hidden; background: var(--_line) }
.waiting::after { content: ''; display: block; width: 30%; height: 100%; background: var(--_accent) }
.bones .bone { display: block; height: 1em; margin-block: .25em; border-radius: 2px; background: var(--_line) }
.bones .title { width: 70%; height: 1.5em; margin-block-end: 1.25em }
.bones .half { width: 50%; margin-block-end: 1.25em }
.bones .short { width: 5em }
.bones .block { height: 5.5em }
.bones .action { height: 2.75em; margin-block: 1em }
.problem { color: var(--_alarm); font-weight: 500 }
.good { color: var(--_good) }

.account { padding-block-start: 1.25em; border-block-start: 1px solid var(--_line) }
.account > * + *, .payments > * + *, details > * + * { margin-block-start: .75em }
h3 { font-size: 1.125em; font-weight: 600; line-height: 1.35 }
h3 + .quiet { margin-block-start: 0 }
.account > .payments { margin-block-start: 1.5em }
.notice > .secondary { margin-block-start: .75em }
h4 { margin: 0; font-size: 1em; font-weight: 600 }
.plain { list-style: none }
.account > .plain li { padding-inline-start: 1em; border-inline-start: 2px solid var(--_line) }
.spending { display: grid; gap: .375em; font-variant-numeric: tabular-nums }
meter {
  appearance: none; display: block; width: 100%; height: .5em;
  overflow: hidden; border: 0; border-radius: 1em; background: var(--_line);
}
meter::-webkit-meter-inner-element { display: block; height: 100% }
meter::-webkit-meter-bar { position: static; height: 100%; border: 0; border-radius: 0; background: none }
meter::-webkit-meter-optimum-value { background: var(--_accent) }
meter::-moz-meter-bar { background: var(--_accent) }
.payment {
  display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: 1em;
  padding-block: .625em; border-block-start: 1px solid var(--_line); overflow-wrap: anywhere;
}
.payment > :first-child { flex: 1 1 8em }
.payment > .quiet { flex: 1 0 100% }
[data-status=retrying] .outcome, [data-status=needs_customer] .outcome, [data-status=failed] .outcome { color: var(--_alarm) }
.amount { font-variant-numeric: tabular-nums; text-align: end }
summary { min-height: 2.75em; padding-block: .625em; font-weight: 600; cursor: pointer }

dialog {
  width: min(32em, 100vi - 2em); max-height: calc(100vb - 2em); padding: clamp(1em, 5vi, 2em);
  border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_surface); color: inherit;
}
dialog::backdrop { background: rgb(0 0 0 / .5) }
dialog > * + *, .consequences > * + * { margin-block-start: 1em }
dialog > :empty { display: none }
.answers { display: flex; flex-wrap: wrap; gap: .75em }
.answers > * { flex: 1 1 max-content }

@media (prefers-reduced-motion: no-preference) {
  button { transition: background-color .15s }
  .waiting::after { animation: along 1.8s ease-in-out infinite }
  .bone { animation: breathe 2s ease-in-out infinite }
}
@keyframes along { from { translate: -100% } to { translate: 340% } }
@keyframes breathe { 50% { opacity: .5 } }
@media (forced-colors: active) {
  meter { border: 1px solid }
  .waiting::after, .bone { forced-color-adjust: none; background: GrayText }
  button[aria-disabled=true] { color: GrayText; border-color: GrayText }
}
`)
