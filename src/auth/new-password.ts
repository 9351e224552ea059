import { Refusal, type FieldError } from '../refusal.ts'
import { lastHashes, replacePassword } from '../store/passwords.ts'
import { endCodesOf } from '../store/codes.ts'
import type { AccountTransaction } from '../store/transactions.ts'
import { clearMustChange, type Belonging, type User } from '../store/users.ts'
import type { Accounts } from './accounts.ts'
import { passwordErrors, repeatedPassword, strictest, type PasswordRules } from './password-rules.ts'
import type { Sessions } from './sessions-contract.ts'
import { passwordText } from './password-text.ts'

/** Setting a password, by whichever way: what it must be like, and what ends with the old one. */
interface Wanted {
  given: string
  /** The field that it came in. */
  path: string
  user: Pick<User, 'id' | 'email' | 'name'>
  belongings: readonly Pick<Belonging, 'slug' | 'name' | 'passwordRules'>[]
}

export interface Chosen {
  hash: string
  rules: PasswordRules
}

/** @throws Refusal `invalid_input` */
export function wrongFields(errors: readonly FieldError[]): never {
  throw new Refusal('invalid_input', 'Wrong input: see errors.', { errors })
}

/** @throws Refusal `invalid_input` where it is too long to be a password at all */
export function requirePasswordText(given: string, path: string): string {
  const read = passwordText(given)
  if ('problem' in read) wrongFields([{ path, message: read.problem }])
  return read.text
}

/** The rules for somebody who belongs there. */
export function rulesFor(
  accounts: Pick<Accounts, 'rules'>,
  belongings: readonly Pick<Belonging, 'passwordRules'>[],
): PasswordRules {
  return strictest(
    accounts.rules,
    belongings.map(({ passwordRules }) => passwordRules),
  )
}

/** Everything about it but what came before. @throws Refusal `invalid_input` */
export function requireGoodPassword(
  accounts: Pick<Accounts, 'rules' | 'words'>,
  { given, path, user, belongings }: Wanted,
): string {
  const text = requirePasswordText(given, path)
  const about = [user.email, user.name, ...belongings.flatMap(({ slug, name }) => [slug, name])]
  const rules = rulesFor(accounts, belongings)
  const errors = passwordErrors({ text, rules, words: accounts.words, about, path })
  if (errors.length > 0) wrongFields(errors)
  return text
}

/** @throws Refusal `invalid_input` where it breaks a rule or was theirs before, `busy` */
export async function choosePassword(
  accounts: Pick<Accounts, 'rules' | 'words' | 'hasher' | 'database'>,
  wanted: Wanted,
): Promise<Chosen> {
  const text = requireGoodPassword(accounts, wanted)
  const rules = rulesFor(accounts, wanted.belongings)
  const before = await accounts.database.withAccounts((tx) =>
    lastHashes(tx, { userId: wanted.user.id, count: rules.history }),
  )
  return await accounts.hasher.inTurn(async (turn) => {
    for (const hash of before) {
      // oxlint-disable-next-line no-await-in-loop -- one turn is one hash at a time
      if (await turn.verify(hash, text)) wrongFields([{ path: wanted.path, message: repeatedPassword }])
    }
    return { hash: await turn.hash(text), rules }
  })
}

/**
 * Puts it into force, and ends what hung on the old one: codes and links that were sent, and all sessions but `except`.
 * False where the password that it was to follow is not in force any more. Locks: passwords, codes, users, sessions.
 */
export async function putPassword(
  tx: AccountTransaction,
  accounts: { sessions: Pick<Sessions, 'endAll'> },
  { userId, chosen, expected, except }: { userId: string; chosen: Chosen; expected?: string; except?: string },
): Promise<boolean> {
  const { hash, rules } = chosen
  const follows = expected === undefined ? {} : { expected }
  if (!(await replacePassword(tx, { userId, hash, keep: rules.history, ...follows }))) return false
  await endCodesOf(tx, userId)
  await clearMustChange(tx, userId)
  await accounts.sessions.endAll(tx, { userId, because: 'password', ...(except === undefined ? {} : { except }) })
  return true
}
