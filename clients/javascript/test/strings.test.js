import assert from 'node:assert/strict'
import { test } from 'node:test'

import { en } from '../elements/en.js'
import { bestOf, languages, registerStrings, wordsFor } from '../elements/strings.js'

test('a language is used once it is complete', () => {
  const missing = registerStrings('fr', { agree: "J'accepte." })
  assert.equal(missing.length, Object.keys(en).length - 1)
  assert.ok(!languages().includes('fr'))
  assert.equal(wordsFor('fr').locale, 'en')
  assert.deepEqual(registerStrings('fr', { ...en, agree: "J'accepte." }), [])
  assert.equal(wordsFor('fr-CA').say('agree'), "J'accepte.")
  assert.equal(wordsFor('fr-CA').locale, 'fr-CA')
})

test('single texts are replaced, on the page or in one element', () => {
  assert.equal(wordsFor('de', { de: { continue: 'Los' } }).say('continue'), 'Los')
  assert.equal(wordsFor('de').say('continue'), 'Weiter zu Amazon Pay')
})

test('values take the place of their names, and are never read as a pattern', () => {
  assert.equal(wordsFor('en').say('version', { version: '$& {x}' }), 'Terms version $& {x}')
})

test('the reader gets the best of what there is', () => {
  const available = ['de', 'en', 'pt-BR', 'zh-Hant']
  assert.equal(bestOf(['de-AT'], available), 'de')
  assert.equal(bestOf(['fr', 'DE'], available), 'de')
  assert.equal(bestOf(['pt-PT'], available), 'pt-BR')
  assert.equal(bestOf(['fr'], available), undefined)
})

test('words are written in their own direction', () => {
  assert.equal(wordsFor('en').dir, 'ltr')
  assert.equal(wordsFor('ar', { ar: en }).dir, 'rtl')
})
