import { randomBytes } from 'node:crypto'
import type { Accounts } from '../auth/accounts.ts'
import { requireEmailAddress } from '../auth/email-address.ts'
import { choosePassword, putPassword } from '../auth/new-password.ts'
import type { Role } from '../auth/permissions.ts'
import { newId } from '../ids.ts'
import { Refusal } from '../refusal.ts'
import { recordAudit } from '../store/audit.ts'
import { forgetGuessesOf } from '../store/guesses.ts'
import { revokeInvitesBy } from '../store/invites.ts'
import { deleteMember, insertMember, lockMembers, updateMemberRole } from '../store/members.ts'
import { insertPassword, lockPassword } from '../store/passwords.ts'
import { changePerson, endSessionsOf, tenantIdOf, type PersonChange } from '../store/people.ts'
import { enterTenant, type AccountTransaction, type TenantTransaction } from '../store/transactions.ts'
import { belongingsOf, insertUser, userByEmail, type Belonging, type User } from '../store/users.ts'
import { requireAnotherOwner } from './members.ts'

/**
 * What whoever operates the installation does with people, by command: the first administrator, and emergencies. It is
 * recorded in each tenant that they belong to.
 */
export type Means = Pick<Accounts, 'database' | 'hasher' | 'rules' | 'words'>

const actor = { kind: 'command', id: 'baywire user' } as const
const madePasswordBytes = 18

/** A password that was made here is shown once, and has to be changed at the first login. */
export interface Made {
  id: string
  email: string
  password: string | undefined
}

export interface NewPerson {
  email: string
  name: string
  /** Made here where there is none. */
  password: string | undefined
  administrator: boolean
  member: { slug: string; role: Role } | undefined
}

export async function addPerson(means: Means, person: NewPerson): Promise<Made> {
  const email = requireEmailAddress(person.email)
  const id = newId()
  const { hash, made } = await passwordOf(means, { given: person.password, user: { id, email, name: person.name } })
  await means.database.withAccounts(async (tx) => {
    if (!(await insertUser(tx, { id, email, name: person.name, verified: true }))) {
      throw new Refusal('conflict', `There is an account of ${email}.`)
    }
    await insertPassword(tx, { userId: id, hash })
    await changePerson(tx, id, { administrator: person.administrator, mustChangePassword: made !== undefined })
    if (person.member === undefined) return
    const own = await ownTenant(tx, person.member.slug)
    await insertMember(own, { userId: id, role: person.member.role })
    await record(own, { action: 'member.added', userId: id, detail: { role: person.member.role } })
  })
  return { id, email, password: made }
}

/** Ends their sessions, and what locks them out. */
export async function setPassword(
  means: Means,
  { email, password }: { email: string; password: string | undefined },
): Promise<Made> {
  const { user, belongings } = await means.database.withAccounts((tx) => personOf(tx, email))
  const { hash, made } = await passwordOf(means, { given: password, user, belongings })
  await means.database.withAccounts(async (tx) => {
    await lockPassword(tx, user.id)
    await forgetGuessesOf(tx, user.id)
    const sessions = { endAll: endSessionsOf }
    await putPassword(tx, { sessions }, { userId: user.id, chosen: { hash, rules: means.rules } })
    await changePerson(tx, user.id, { mustChangePassword: made !== undefined })
    await recordEverywhere(tx, belongings, { action: 'user.password_set', userId: user.id })
  })
  return { id: user.id, email: user.email, password: made }
}

async function passwordOf(
  means: Means,
  { given, user, belongings = [] }: GivenPassword,
): Promise<{ hash: string; made: string | undefined }> {
  if (given !== undefined) {
    return { hash: (await choosePassword(means, { given, path: 'password', user, belongings })).hash, made: undefined }
  }
  const made = randomBytes(madePasswordBytes).toString('base64url')
  return { hash: await means.hasher.inTurn((turn) => turn.hash(made)), made }
}

interface GivenPassword {
  given: string | undefined
  user: Pick<User, 'id' | 'email' | 'name'>
  belongings?: readonly Belonging[]
}

/** Opens or shuts an account, or gives or takes the right to look across tenants. */
export async function changeAccount(
  { database }: Pick<Means, 'database'>,
  { email, change }: { email: string; change: Pick<PersonChange, 'disabled' | 'administrator'> },
): Promise<void> {
  await database.withAccounts(async (tx) => {
    const { user, belongings } = await personOf(tx, email)
    await changePerson(tx, user.id, change)
    if (change.disabled === true) await endSessionsOf(tx, { userId: user.id, because: 'disabled' })
    await recordEverywhere(tx, belongings, { action: actionOf(change), userId: user.id })
  })
}

function actionOf({ disabled, administrator }: PersonChange): string {
  if (disabled !== undefined) return disabled ? 'user.disabled' : 'user.enabled'
  return administrator === true ? 'user.administrator_made' : 'user.administrator_ended'
}

/** Makes them a member with this role, or ends their membership. The last owner stays one here too. */
export async function setMembership(
  { database }: Pick<Means, 'database'>,
  { email, slug, role }: { email: string; slug: string; role: Role | undefined },
): Promise<void> {
  await database.withAccounts(async (tx) => {
    const { user } = await personOf(tx, email)
    const own = await ownTenant(tx, slug)
    const members = await lockMembers(own)
    const before = members.get(user.id)
    if (role !== 'owner') requireAnotherOwner(members, user.id)
    if (role === undefined) {
      if (before === undefined) throw new Refusal('not_found', `${user.email} is no member of "${slug}".`)
      await revokeInvitesBy(own, user.id)
      await deleteMember(own, user.id)
    } else if (before === undefined) await insertMember(own, { userId: user.id, role })
    else await updateMemberRole(own, { userId: user.id, role })
    const action = role === undefined ? 'member.removed' : before === undefined ? 'member.added' : 'member.role_changed'
    await record(own, { action, userId: user.id, detail: { from: before?.role ?? null, to: role ?? null } })
  })
}

async function personOf(tx: AccountTransaction, email: string): Promise<{ user: User; belongings: Belonging[] }> {
  const user = await userByEmail(tx, requireEmailAddress(email))
  if (user === undefined) throw new Refusal('not_found', 'There is no account of this address.')
  return { user, belongings: await belongingsOf(tx, user.id) }
}

async function ownTenant(tx: AccountTransaction, slug: string): Promise<AccountTransaction & TenantTransaction> {
  const id = await tenantIdOf(tx, slug)
  if (id === undefined) throw new Refusal('not_found', `There is no tenant "${slug}".`)
  return await enterTenant(tx, id)
}

interface Entry {
  action: string
  userId: string
  detail?: Record<string, unknown>
}

async function record(tx: TenantTransaction, { action, userId, detail = {} }: Entry): Promise<void> {
  await recordAudit(tx, { actor, action, target: { kind: 'member', id: userId }, detail })
}

async function recordEverywhere(tx: AccountTransaction, belongings: readonly Belonging[], entry: Entry): Promise<void> {
  // In one order, so that two of them never wait for each other's end of a chain.
  for (const tenantId of belongings.map((belonging) => belonging.tenantId).toSorted()) {
    // oxlint-disable-next-line no-await-in-loop -- statements of one transaction
    await record(await enterTenant(tx, tenantId), entry)
  }
}
