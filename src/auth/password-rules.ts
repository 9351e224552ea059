import { z } from 'zod'
import type { FieldError } from '../refusal.ts'
import { isCommon, type WordList } from './common-passwords.ts'
import { codePoints } from './password-text.ts'

/**
 * What a new password must be like. `modern` is long and otherwise free, as ASVS 5.0 and NIST 800-63B-4 ask for;
 * `classic` is what organisations demand that have not followed them. A tenant may be stricter than its operator for
 * its own members, never laxer; a member of several obeys the strictest.
 */
export interface PasswordRules {
  /** Fewest code points. */
  minLength: number
  /** Upper case, lower case, digit and special character, at least one of each. */
  classes: boolean
  /** How many of the passwords before, the one in force included, may not come again. */
  history: number
  /** Days after which it must be changed; 0 never. */
  expiryDays: number
}

export const passwordPresets = {
  modern: { minLength: 12, classes: false, expiryDays: 0 },
  classic: { minLength: 8, classes: true, expiryDays: 90 },
} as const satisfies Record<string, Omit<PasswordRules, 'history'>>

/** `tenants.password_rules`: what is left out is the operator's. */
export const tenantPasswordRules = z.strictObject({
  min_length: z.int().min(8).max(64).optional(),
  classes: z.literal(true).optional(),
  history: z.int().min(0).max(24).optional(),
  expiry_days: z.int().min(1).max(3650).optional(),
})

/** @param stored `tenants.password_rules` of each tenant; what is not readable as rules counts as none */
export function strictest(operator: PasswordRules, stored: readonly unknown[]): PasswordRules {
  return stored.reduce<PasswordRules>((rules, given) => {
    const own = tenantPasswordRules.safeParse(given)
    if (!own.success) return rules
    const { min_length: minLength = 0, classes = false, history = 0, expiry_days: expiryDays = 0 } = own.data
    return {
      minLength: Math.max(rules.minLength, minLength),
      classes: rules.classes || classes,
      history: Math.max(rules.history, history),
      expiryDays: shorter(rules.expiryDays, expiryDays),
    }
  }, operator)
}

/** 0 is never. */
function shorter(one: number, other: number): number {
  return one === 0 || other === 0 ? Math.max(one, other) : Math.min(one, other)
}

export interface NewPassword {
  /** As of `passwordText`. */
  text: string
  rules: PasswordRules
  words: WordList
  /** Whatever is known of the person and of where they belong: address, names, slugs. */
  about: readonly string[]
  /** The field of the body that it came in. */
  path: string
}

/** What is wrong with it, but for the history, which takes hashing. */
export function passwordErrors({ text, rules, words, about, path }: NewPassword): FieldError[] {
  const problems = [
    ...(codePoints(text) < rules.minLength ? [`must have at least ${rules.minLength} characters`] : []),
    ...(rules.classes ? missingClasses(text) : []),
    ...(isCommon(text, { words, context: contextWords(about) })
      ? ['is too easy to guess: it is a common password, or made of your name, address or tenant']
      : []),
  ]
  return problems.map((message) => ({ path, message }))
}

export const repeatedPassword = 'must not be one of your last passwords'

const classes: readonly [RegExp, string][] = [
  [/\p{Lu}/u, 'an upper-case letter'],
  [/\p{Ll}/u, 'a lower-case letter'],
  [/\p{Nd}/u, 'a digit'],
  [/[^\p{L}\p{N}]/u, 'a special character'],
]

function missingClasses(text: string): string[] {
  const missing = classes.filter(([pattern]) => !pattern.test(text)).map(([, name]) => name)
  return missing.length === 0 ? [] : [`must have ${missing.join(', ')}`]
}

const shortestContextWord = 3

/** `jane.doe@harbour-parking.example` gives jane, doe, harbour, parking; and all of it in one word. */
function contextWords(about: readonly string[]): string[] {
  const parts = ['baywire', ...about].flatMap((text) => {
    const lower = text.toLowerCase()
    return [lower, ...lower.split('@'), ...lower.split(/[^\p{L}\p{N}]+/u)]
  })
  return [...new Set(parts)].filter((part) => part.length >= shortestContextWord)
}
