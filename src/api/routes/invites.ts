import type { Context } from 'hono'
import { acceptInvite, lookUpInvite } from '../../administration/invite-acceptance.ts'
import { createInvite, listInvites, readInvite, revisionOf, revokeInvite } from '../../administration/invites.ts'
import type { Authenticator } from '../../auth/authenticator.ts'
import type { CodeSender, Message } from '../../auth/door.ts'
import type { PasswordMaker } from '../../auth/password-maker.ts'
import type { Role } from '../../auth/permissions.ts'
import { requireEmailAddress } from '../../auth/email-address.ts'
import { requirePermission, type Actor, type Principal } from '../../auth/principal.ts'
import { Refusal } from '../../refusal.ts'
import type { Invite } from '../../store/invites.ts'
import { enterTenant, type AccountTransaction, type TenantTransaction } from '../../store/transactions.ts'
import type { Api } from '../app.ts'
import type { ApiEnv } from '../context.ts'
import { afterId, toPageById } from '../id-cursor.ts'
import { oncePerKey } from '../idempotency.ts'
import { etagOf, expectedRevision } from '../revision.ts'
import { actorOf, inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { withinTime } from '../time-limit.ts'
import {
  acceptRoute,
  createInviteRoute,
  INVITES,
  listRoute,
  lookUpRoute,
  readRoute,
  revokeInviteRoute,
} from './invites-descriptions.ts'

export interface InviteRoutesOptions extends SignedInOptions {
  authenticator: Authenticator
  sender: CodeSender
  passwords: PasswordMaker
  /** Whether one more message may go to an address now: counted over all that is sent, so that nobody is flooded. */
  mayBeSent: (tx: AccountTransaction, address: string) => Promise<boolean>
  /** How long an invite is good. */
  inviteHours: number
}

const LIST = 'invites'
/** The shortest of the windows in which messages to an address are counted. */
const RETRY_AFTER_S = 60

export function addInviteRoutes(app: Api, options: InviteRoutesOptions): void {
  app.openapi(listRoute, async (c) => {
    const { limit, cursor, state } = c.req.valid('query')
    const page = { after: afterId(LIST, cursor), limit: limit + 1, state }
    const rows = await inOwnTenant(c, options, (tx, actor) => listInvites(tx, actor, page))
    return c.json(toPageById(rows, { list: LIST, limit, item: inviteBody }), 200)
  })

  app.openapi(readRoute, async (c) => {
    const invite = await inOwnTenant(c, options, (tx, actor) => readInvite(tx, actor, c.req.valid('param').id))
    c.header('ETag', etagOf({ revision: revisionOf(invite) }))
    return c.json(inviteBody(invite), 200)
  })

  app.openapi(createInviteRoute, async (c) => {
    const wanted = { ...c.req.valid('json'), hours: options.inviteHours }
    const messages: Message[] = []
    const answer = await inviting(c, { ...options, email: wanted.email }, async (tx, actor) => {
      const { invite, token } = await createInvite(tx, actor, wanted)
      const { email: address, expiresAt } = invite
      messages.push({ purpose: 'invite', address, code: token, expiresAt })
      c.header('ETag', etagOf({ revision: revisionOf(invite) }))
      c.header('Location', `${INVITES}/${invite.id}`)
      return c.json(inviteBody(invite), 201)
    })
    for (const message of messages) options.sender.send(message)
    return answer
  })

  app.openapi(revokeInviteRoute, async (c) => {
    const which = { id: c.req.valid('param').id, revision: expectedRevision(c) }
    await inOwnTenant(c, options, (tx, actor) => revokeInvite(tx, actor, which))
    return c.body(null, 204)
  })

  addOpenRoutes(app, options)
}

/** In a transaction that counts what is sent as well: an invite that is not made is not counted. */
async function inviting<R extends Response>(
  c: Context<ApiEnv>,
  { tenants, databaseWaitMs, mayBeSent, email }: InviteRoutesOptions & { email: string },
  make: (tx: TenantTransaction, actor: Actor) => Promise<R>,
): Promise<R> {
  const actor = actorOf(c)
  requirePermission(actor, 'members:write')
  const work = tenants.withAccounts(async (tx) => {
    const entered = await enterTenant(tx, actor.tenantId)
    return await oncePerKey(c, { tx: entered }, async (inner) => {
      if (!(await mayBeSent(inner, requireEmailAddress(email)))) {
        throw new Refusal('too_many_requests', 'This address was sent enough for now.', { retryAfterS: RETRY_AFTER_S })
      }
      return await make(inner, actor)
    })
  })
  return await withinTime(work, databaseWaitMs)
}

/** For who has the token of an invite, signed in or not. */
function addOpenRoutes(app: Api, { tenants, databaseWaitMs, authenticator, passwords }: InviteRoutesOptions): void {
  const database = {
    withAccounts: <T>(work: Parameters<typeof tenants.withAccounts<T>>[0]) =>
      withinTime(tenants.withAccounts(work), databaseWaitMs),
  }

  app.openapi(lookUpRoute, async (c) => {
    c.header('Cache-Control', 'no-store')
    const { tenant, email, role, expiresAt } = await lookUpInvite({ database }, c.req.valid('json').token)
    return c.json({ tenant_name: tenant, email, role: role as Role, expires_at: expiresAt.toISOString() }, 200)
  })

  app.openapi(acceptRoute, async (c) => {
    c.header('Cache-Control', 'no-store')
    const principal = await withinTime(principalOf(c, authenticator), databaseWaitMs)
    const who = { principal, requestId: c.get('requestId') }
    const { tenant, role } = await acceptInvite({ database, passwords }, c.req.valid('json'), who)
    const { id, slug, name } = tenant
    return c.json({ tenant: { id, slug, name }, role: role as Role }, 200)
  })
}

/** Nobody is somebody who sends no `Authorization`; a wrong one is refused, not overlooked. */
async function principalOf(c: Context<ApiEnv>, authenticator: Authenticator): Promise<Principal | undefined> {
  const header = c.req.header('Authorization')
  return header === undefined ? undefined : await authenticator.authenticate(header)
}

function inviteBody(invite: Invite) {
  return {
    id: invite.id,
    email: invite.email,
    role: invite.role as Role,
    state: invite.state,
    invited_by: invite.invitedBy,
    created_at: invite.createdAt.toISOString(),
    expires_at: invite.expiresAt.toISOString(),
    accepted_at: invite.acceptedAt?.toISOString() ?? null,
    revoked_at: invite.revokedAt?.toISOString() ?? null,
  }
}
