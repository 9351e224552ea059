import { changeRole, listMembers, readMember, removeMember } from '../../administration/members.ts'
import type { Role } from '../../auth/permissions.ts'
import type { Member } from '../../store/members.ts'
import type { Api } from '../app.ts'
import { afterId, toPageById } from '../id-cursor.ts'
import { etagOf, expectedRevision } from '../revision.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { changeRoute, deleteRoute, listRoute, readRoute } from './members-descriptions.ts'

const LIST = 'members'

export function addMemberRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(listRoute, async (c) => {
    const { limit, cursor, role } = c.req.valid('query')
    const page = { after: afterId(LIST, cursor), limit: limit + 1, role }
    const rows = await inOwnTenant(c, options, (tx, actor) => listMembers(tx, actor, page))
    return c.json(toPageById(rows, { list: LIST, limit, item: memberBody }), 200)
  })

  app.openapi(readRoute, async (c) => {
    const member = await inOwnTenant(c, options, (tx, actor) => readMember(tx, actor, c.req.valid('param').id))
    c.header('ETag', etagOf(member))
    return c.json(memberBody(member), 200)
  })

  app.openapi(changeRoute, async (c) => {
    const change = { userId: c.req.valid('param').id, role: c.req.valid('json').role, revision: expectedRevision(c) }
    const member = await inOwnTenant(c, options, (tx, actor) => changeRole(tx, actor, change))
    c.header('ETag', etagOf(member))
    return c.json(memberBody(member), 200)
  })

  app.openapi(deleteRoute, async (c) => {
    const which = { userId: c.req.valid('param').id, revision: expectedRevision(c) }
    await inOwnTenant(c, options, (tx, actor) => removeMember(tx, actor, which))
    return c.body(null, 204)
  })
}

function memberBody({ id, name, email, role, disabledAt, createdAt }: Member) {
  const disabled = disabledAt !== null
  return { id, name, email, role: role as Role, disabled, joined_at: createdAt.toISOString() }
}
