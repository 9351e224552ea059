const mostCodePoints = 128
const mostBytes = 512

/**
 * A password as it is hashed: NFC, so that every keyboard gives the same, and otherwise untouched; never trimmed,
 * never cut. Longer than this is refused before anything is hashed; the bounds tell nothing about any account.
 */
export function passwordText(given: string): { text: string } | { problem: string } {
  if (/\p{Surrogate}/u.test(given)) return { problem: 'is not well-formed Unicode' }
  const text = given.normalize('NFC')
  if (text === '') return { problem: 'must not be empty' }
  if (codePoints(text) > mostCodePoints || Buffer.byteLength(text) > mostBytes) {
    return { problem: `is at most ${mostCodePoints} characters and ${mostBytes} bytes` }
  }
  return { text }
}

export function codePoints(text: string): number {
  return Array.from(text).length
}
