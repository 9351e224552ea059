/** What no table or terminal should be given: control characters, marks that turn the direction of writing. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Zl}\p{Zp}]/u
/** Space between the parts of a JSON text. */
const white = /[\t\n\r]/g

/** The beginning of a payload as text, where all of it can be printed. The end may be within a character. */
export function sampleText(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true })
    return unprintable.test(text.replaceAll(white, ' ')) ? null : text
  } catch {
    return null
  }
}
