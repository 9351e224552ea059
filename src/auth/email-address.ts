import { Refusal } from '../refusal.ts'

const mostCharacters = 254
/** One @, something on both sides of it, nothing that is white space, invisible or a separator of lists. */
const addressPattern = /^[^\s@,;:<>()[\]\\"\p{C}]+@[^\s@,;:<>()[\]\\"\p{C}.]+(?:\.[^\s@,;:<>()[\]\\"\p{C}.]+)*$/u

/**
 * An address in its one form (NFC, lower case, no white space around it), or undefined. It is looked at after it was
 * brought into that form: what is checked is what is stored and compared.
 */
export function emailAddress(text: string): string | undefined {
  const address = text.normalize('NFC').trim().toLowerCase().normalize('NFC')
  return address.length <= mostCharacters && addressPattern.test(address) ? address : undefined
}

/** @throws Refusal `invalid_input` */
export function requireEmailAddress(text: string): string {
  const address = emailAddress(text)
  if (address !== undefined) return address
  throw new Refusal('invalid_input', 'Wrong input: see errors.', {
    errors: [{ path: 'email', message: 'is not an e-mail address' }],
  })
}
