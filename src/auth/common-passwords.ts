import { commonWords } from './common-words.ts'

/**
 * Whether a password is what people think of first. An exact list hardly ever fires where a rule demands length or
 * classes of characters, since everybody puts the same capital in front and the same 1! behind. So a password is first
 * brought back to its core: lower case, digits and marks cut at both ends, digit-for-letter swaps undone. It is common
 * where its core is a known word, two of them, a word with hardly anything left, or one thing several times; and where the
 * whole is a walk over the keyboard or a count.
 */
export type WordList = ReadonlySet<string>

const shortestWord = 3
/** Of the core beside its words: what people add to a word, and what makes no difference to whoever guesses. */
const leftOverCharacters = 3
const wordsInCore = 2
/** Two words and what may be left over are never longer; whatever is longer costs no time. */
const mostCoreCharacters = 48

const swaps: Record<string, string> = {
  '0': 'o',
  '1': 'i',
  '2': 'z',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '6': 'g',
  '7': 't',
  '8': 'b',
  '9': 'g',
  '@': 'a',
  $: 's',
  '!': 'i',
  '+': 't',
  '€': 'e',
  '£': 'l',
  '(': 'c',
  '|': 'i',
}
const otherSwaps = { ...swaps, '1': 'l', '!': 'l', '|': 'l', '6': 'b', '7': 'l' }

/** The built-in words, and the passwords of a list of the operator's own. */
export function wordList(more: readonly string[] = []): WordList {
  const words = new Set([...commonWords, ...more.flatMap((line) => [line.toLowerCase(), ...coresOf(line)])])
  return new Set([...words].filter((word) => word.length >= shortestWord))
}

export function isCommon(
  password: string,
  { words, context }: { words: WordList; context: readonly string[] },
): boolean {
  const known = new Set(context.flatMap(coresOf))
  const isWord = (text: string) => words.has(text) || known.has(text)
  const whole = password.toLowerCase()
  return isWord(whole) || withoutEnds(whole).some(isWalk) || coresOf(password).some((core) => isMadeOf(core, isWord))
}

/** All forms that a password may be brought back to. */
export function coresOf(password: string): string[] {
  const lower = password.normalize('NFKC').toLowerCase()
  const cut = lower.replace(/^[^\p{L}]+/u, '').replace(/[^\p{L}]+$/u, '')
  const forms = [lower, cut, withoutEnd(lower)].flatMap((form) => [form, undo(form, swaps), undo(form, otherSwaps)])
  // What is no letter by now stood between words.
  const cores = forms.map((form) => form.replaceAll(/[^\p{L}]/gu, ''))
  return [...new Set(cores.flatMap((core) => [core, backwards(core)]))].filter((core) => core !== '' || lower !== '')
}

/** Digits and marks at the end alone: those in front may stand for letters. */
function withoutEnd(text: string): string {
  return text.replace(/[^\p{L}]+$/u, '')
}

function undo(text: string, table: Record<string, string>): string {
  return text.replaceAll(/[^\p{L}]/gu, (character) => table[character] ?? character)
}

function backwards(text: string): string {
  return Array.from(text).toReversed().join('')
}

function isMadeOf(core: string, isWord: (text: string) => boolean): boolean {
  if (core === '' || core.length > mostCoreCharacters) return false
  const once = repeatedPart(core)
  return (
    isWord(core) ||
    isWord(once) ||
    once.length <= leftOverCharacters ||
    hardlyMore(once, { isWord, words: wordsInCore })
  )
}

/** The shortest text that the whole repeats: `abcabcab` is made of `abc`. */
function repeatedPart(text: string): string {
  for (let length = 1; length <= text.length / 2; length += 1) {
    const part = text.slice(0, length)
    if (part.repeat(Math.ceil(text.length / length)).startsWith(text)) return part
  }
  return text
}

/** Whether, with its longest words taken out, next to nothing is left. */
function hardlyMore(text: string, { isWord, words }: { isWord: (text: string) => boolean; words: number }): boolean {
  if (text.length <= leftOverCharacters) return true
  if (words === 0) return false
  for (let length = text.length; length > leftOverCharacters; length -= 1) {
    for (let start = 0; start + length <= text.length; start += 1) {
      if (!isWord(text.slice(start, start + length))) continue
      const rest = text.slice(0, start) + text.slice(start + length)
      if (hardlyMore(rest, { isWord, words: words - 1 })) return true
    }
  }
  return false
}

/** Keys beside each other, letters and digits in their order. */
const rows = [
  '1234567890',
  'qwertyuiop',
  'qwertzuiop',
  'azertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'yxcvbnm',
  'abcdefghijklmnopqrstuvwxyz',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm',
  '1q2w3e4r5t6y7u8i9o0p',
  'q1w2e3r4t5y6u7i8o9p0',
  '147258369',
  '!@#$%^&*()',
]
const neighbours = new Set(rows.flatMap((row) => Array.from(row, (key, at) => key + (row[at + 1] ?? ''))))

/** The whole, without the marks behind it, and without the year too. */
function withoutEnds(text: string): string[] {
  const noMarks = text.replace(/[^\p{L}\p{N}]+$/u, '')
  return [text, noMarks, noMarks.replace(/(?:19|20)\d\d$/, '')].filter((form) => form !== '')
}

/** Three steps of four go to the same key or to one beside it, or it goes round in a small circle of digits or marks. */
function isWalk(text: string): boolean {
  if (/^[^\p{L}]+$/u.test(text) && new Set(text).size <= 3) return true
  const part = repeatedPart(text)
  if (part.length <= 4 || (part.length < text.length && /^[^\p{L}]+$/u.test(part) && part.length <= 6)) return true
  const keys = Array.from(text)
  const near = keys.slice(1).filter((key, at) => isNear(keys[at] ?? '', key)).length
  return near >= (keys.length - 1) * 0.75
}

function isNear(one: string, other: string): boolean {
  return one === other || neighbours.has(one + other) || neighbours.has(other + one)
}
