import { expect, it } from 'vitest'
import { printable } from '../../src/cli/dlq/printable.ts'

it.each([
  ['{"occupied": true, "place": "Zürich 🅿"}', '{"occupied": true, "place": "Zürich 🅿"}'],
  ['\u001b]0;owned\u0007\u001b[2J', '\\u{1b}]0;owned\\u{7}\\u{1b}[2J'],
  ['one\r\ntwo\u2028three', 'one\\u{d}\\u{a}two\\u{2028}three'],
  ['\u202egnp.exe\u0085\u009b', '\\u{202e}gnp.exe\\u{85}\\u{9b}'],
  ['\ud800', '\\u{d800}'],
])('a terminal is given %j as %s', (text, shown) => {
  expect(printable(text)).toBe(shown)
})
