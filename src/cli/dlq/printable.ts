/**
 * Text that came from outside, as a terminal may be given it: control characters, line ends and marks that turn the
 * direction of writing are shown by their numbers.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}
