import { newId } from '../ids.ts'
import { Refusal } from '../refusal.ts'
import { recordAudit } from '../store/audit.ts'
import { insertPassword } from '../store/passwords.ts'
import { holdSlug, insertOwnTenant, isSlugFree } from '../store/registration.ts'
import { enterTenant, type AccountTransaction } from '../store/transactions.ts'
import { insertUser, userByEmail } from '../store/users.ts'
import { evenly, type Accounts, type Caller } from './accounts.ts'
import type { Message } from './door.ts'
import { requireEmailAddress } from './email-address.ts'
import { requireGoodPassword } from './new-password.ts'

export interface Registration {
  email: string
  password: string
  name: string
  tenantName: string
  tenantSlug: string
}

/**
 * A person and their new tenant, which they own. An address that is taken is answered in the same way and time, is told so
 * itself, and gets neither; a slug that is taken is refused, since slugs are public.
 */
export async function register(accounts: Accounts, given: Registration, caller: Caller): Promise<void> {
  const email = requireEmailAddress(given.email)
  const user = { id: newId(), email, name: given.name }
  const password = requireGoodPassword(accounts, {
    given: given.password,
    path: 'password',
    user,
    belongings: [{ slug: given.tenantSlug, name: given.tenantName, passwordRules: null }],
  })
  await evenly(accounts.evenMs, async () => {
    const hash = await accounts.hasher.inTurn((turn) => turn.hash(password))
    const message = await accounts.database.withAccounts(async (tx) => {
      if (!(await isSlugFree(tx, given.tenantSlug))) throw slugTaken()
      const made = await insertUser(tx, { ...user, verified: !accounts.verification })
      return made
        ? await begin(tx, accounts, { user, hash, given, caller })
        : await decline(tx, accounts, { email, given })
    })
    if (message !== undefined) accounts.sender.send(message)
  })
}

function slugTaken(): Refusal {
  return new Refusal('conflict', 'There is a tenant of this slug: choose another one.', {
    errors: [{ path: 'tenant_slug', message: 'is taken' }],
  })
}

interface NewAccount {
  user: { id: string; email: string }
  hash: string
  given: Registration
  caller: Caller
}

async function begin(
  tx: AccountTransaction,
  accounts: Accounts,
  { user, hash, given, caller }: NewAccount,
): Promise<Message | undefined> {
  await insertPassword(tx, { userId: user.id, hash })
  const message = accounts.verification ? await verification(tx, accounts, user) : undefined
  const tenantId = newId()
  const own = await enterTenant(tx, tenantId)
  const { tenantSlug: slug, tenantName: name } = given
  if (!(await insertOwnTenant(own, { slug, name, ownerId: user.id }))) throw slugTaken()
  await recordAudit(own, {
    actor: { kind: 'user', id: user.id },
    action: 'tenant.registered',
    target: { kind: 'tenant', id: tenantId },
    detail: { slug, owner: user.id },
    requestId: caller.requestId,
  })
  return message
}

async function verification(
  tx: AccountTransaction,
  accounts: Accounts,
  { id, email }: { id: string; email: string },
): Promise<Message | undefined> {
  const purpose = 'verify_email'
  if (!(await accounts.sendLimits.allow(tx, email))) return undefined
  return { purpose, address: email, ...(await accounts.codes.issueDigits(tx, { userId: id, purpose, address: email })) }
}

/** Nothing comes of it but a word to the address: with a code where it is still to be verified, as a repetition may want. */
async function decline(
  tx: AccountTransaction,
  accounts: Accounts,
  { email, given }: { email: string; given: Registration },
): Promise<Message | undefined> {
  // Once more: whoever took the address in the meantime may have taken the slug with it.
  if (!(await isSlugFree(tx, given.tenantSlug)) || !(await holdSlug(tx, given.tenantSlug))) throw slugTaken()
  const owner = await userByEmail(tx, email)
  if (owner === undefined || owner.disabledAt !== null) return undefined
  if (accounts.verification && owner.emailVerifiedAt === null) return await verification(tx, accounts, owner)
  return (await accounts.sendLimits.allow(tx, email)) ? { purpose: 'address_taken', address: email } : undefined
}
