/** The look of both elements. Light or dark follows the page's own `color-scheme`. Sizes follow its font size. */
export const sheet = new CSSStyleSheet()

sheet.replaceSync(`
:host {
  --accent: var(--amazon-pay-accent, light-dark(#1f4e79, #9cc4ea));
  --on-accent: var(--amazon-pay-on-accent, light-dark(#fff, #0d1b29));
  --ink: var(--amazon-pay-ink, light-dark(#1b1e22, #eceef0));
  --quiet: var(--amazon-pay-quiet, light-dark(#575e67, #aab1ba));
  --surface: var(--amazon-pay-surface, light-dark(#fff, #1b1d20));
  --line: var(--amazon-pay-line, light-dark(#dcdfe3, #3b3f45));
  --alarm: var(--amazon-pay-alarm, light-dark(#a3261b, #f4a79f));
  --good: var(--amazon-pay-good, light-dark(#1c6b43, #86d0a5));
  --radius: var(--amazon-pay-radius, .5em);
  display: block;
  container-type: inline-size;
  color: var(--ink);
  font-family: var(--amazon-pay-font, inherit);
  line-height: 1.5;
  text-align: start;
  overflow-wrap: break-word;
}
:host([hidden]), [hidden] { display: none }
*, ::before, ::after { box-sizing: border-box }
h2, h3, p, dl, dd, ul, ol, fieldset { margin: 0; padding: 0; border: 0 }

.card {
  padding: clamp(1em, 5cqi, 2em);
  border: 1px solid var(--line);
  border-radius: var(--radius);
  background: var(--surface);
}
.card > * + *, form > * + * { margin-block-start: 1em }
h2 { font-size: 1.375em; font-weight: 600; line-height: 1.25; text-wrap: balance }
h2:focus { outline: none }
.quiet { color: var(--quiet); font-size: .875em }
.unseen {
  position: absolute; width: 1px; height: 1px; margin: 0;
  overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}

button, .button {
  display: inline-flex; align-items: center; justify-content: center;
  min-height: 2.75em; padding: .5em 1.25em;
  border: 1px solid transparent; border-radius: var(--radius);
  background: var(--accent); color: var(--on-accent);
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
}
button:hover { background: color-mix(in srgb, var(--accent) 88%, var(--ink)) }
button[aria-disabled=true] { opacity: .7; cursor: progress }
.secondary { border-color: var(--quiet); background: none; color: var(--ink) }
.secondary:hover { background: color-mix(in srgb, var(--ink) 6%, transparent) }
.danger { background: var(--alarm); color: var(--surface) }
.danger:hover { background: color-mix(in srgb, var(--alarm) 88%, var(--ink)) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }

select {
  min-height: 2.75rem; max-width: 100%; padding: .25em .5em;
  border: 1px solid var(--quiet); border-radius: var(--radius);
  background: var(--surface); color: inherit; font: inherit;
}
.choice {
  display: flex; gap: .75em; align-items: flex-start;
  min-height: 2.75em; padding-block: .625em; cursor: pointer;
}
.choice input { flex: none; width: 1.375em; height: 1.375em; margin: .0625em 0 0; accent-color: var(--accent) }
.problem { color: var(--alarm); font-weight: 500 }
.good { color: var(--good) }

.account { padding-block-start: 1.25em; border-block-start: 1px solid var(--line) }
.account > * + *, .payments > * + *, details > * + * { margin-block-start: .75em }
h3 { font-size: 1.125em; font-weight: 600; line-height: 1.35 }
h3 + .quiet { margin-block-start: 0 }
h4 { margin: 0; font-size: 1em; font-weight: 600 }
.plain { list-style: none }
.account > .plain li { padding-inline-start: 1em; border-inline-start: 2px solid var(--line) }
.spending { display: grid; gap: .375em; font-variant-numeric: tabular-nums }
meter {
  appearance: none; display: block; width: 100%; height: .5em;
  overflow: hidden; border: 0; border-radius: 1em; background: var(--line);
}
meter::-webkit-meter-inner-element { display: block; height: 100% }
meter::-webkit-meter-bar { position: static; height: 100%; border: 0; border-radius: 0; background: none }
meter::-webkit-meter-optimum-value { background: var(--accent) }
meter::-moz-meter-bar { background: var(--accent) }
.payment {
  display: grid; grid-template-columns: 1fr auto; column-gap: 1em;
  padding-block: .625em; border-block-start: 1px solid var(--line);
}
.payment > .quiet { grid-column: 1 / -1 }
[data-status=retrying] .outcome, [data-status=needs_customer] .outcome, [data-status=failed] .outcome { color: var(--alarm) }
.amount { font-variant-numeric: tabular-nums; text-align: end }
summary { min-height: 2.75em; padding-block: .625em; font-weight: 600; cursor: pointer }

dialog {
  width: min(32em, 100vi - 2em); max-height: calc(100vb - 2em); padding: clamp(1em, 5vi, 2em);
  border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); color: inherit;
}
dialog::backdrop { background: rgb(0 0 0 / .5) }
dialog > * + *, .consequences > * + * { margin-block-start: 1em }
dialog > :empty { display: none }
.answers { display: flex; flex-wrap: wrap; gap: .75em }
.answers > * { flex: 1 1 8em }

@media (prefers-reduced-motion: no-preference) {
  button { transition: background-color .15s }
}
`)
