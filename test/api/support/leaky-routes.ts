import { createRoute, z } from '@hono/zod-openapi'
import type { Api } from '../../../src/api/app.ts'
import { etagOf, expectedRevision } from '../../../src/api/revision.ts'
import { newId } from '../../../src/ids.ts'
import { requirePermission, type Principal } from '../../../src/auth/principal.ts'
import { Refusal } from '../../../src/refusal.ts'
import type { Subject } from './requests.ts'

/** Holes that have been made elsewhere, one of which at a time the routes below have. */
export const holes = [
  "lists others' rows",
  "reads others' rows by id",
  "tells others' rows from none by 403",
  "changes others' rows",
  "deletes others' rows",
  "takes others' rows as references",
  'tells what is referred to from what is not',
  'filters by what is not its own',
  'asks for no permission',
  'asks for another permission',
  'asks for no credentials',
  'takes any token',
  'shows a stack',
  'shows its SQL',
  'takes unknown fields',
  'takes wrong types',
  'fails on strange text',
  'needs no revision',
  'takes any revision',
  'lets answers be stored',
  'cannot be sampled',
] as const
export type Hole = (typeof holes)[number]

const siteBody = z.object({ id: z.string(), code: z.string(), name: z.string() })
const params = z.object({ id: z.string() })
const headers = z.object({ 'if-match': z.string().optional() })
const ok = (schema: z.ZodType) => ({ description: 'well', content: { 'application/json': { schema } } })
const secured = { security: [{ bearer: [] }] }

function shown({ id, code, name }: { id: string; code: string; name: string }) {
  return { id, code, name }
}

/**
 * Sites at a path of their own, by hand and without the walls of the database, so that each hole is as deep as it would be
 * without them. Without a hole they are what the suites ask of any route.
 */
export function addLeakyRoutes(app: Api, { owner, people, world }: Omit<Subject, 'app'>, hole?: Hole): void {
  const has = (one: Hole): boolean => hole === one
  const fields = {
    code: z.string().regex(/^[A-Za-z0-9._~-]{1,64}$/),
    name:
      has('fails on strange text') || has('shows its SQL')
        ? z.string()
        : z
            .string()
            .max(100)
            .refine((text) => !text.includes('\u0000')),
    site_id: z.uuid().optional(),
    ...(has('takes wrong types') ? { level: z.coerce.number().optional() } : {}),
  }
  const newSite = has('takes unknown fields') ? z.object(fields) : z.strictObject(fields)
  const read = { ...secured, 'x-permission': 'places:read', tags: ['leaky'] }
  const write = { ...secured, 'x-permission': 'places:write', tags: ['leaky'] }

  app.use('/leaky/*', async (c, next) => {
    const sent = c.req.header('Authorization')
    const free = has('asks for no credentials') || (has('takes any token') && sent?.startsWith('Bearer ') === true)
    const principal = await people.authenticator.authenticate(sent).catch((error: unknown) => {
      if (!free) throw error
      return people.owner.principal
    })
    c.set('principal', principal)
    if (!has('lets answers be stored')) c.header('Cache-Control', 'no-store')
    await next()
  })

  const allow = (principal: Principal, permission: 'places:read' | 'places:write'): string => {
    if (principal.tenant === undefined) throw new Refusal('forbidden', 'You belong to no tenant.')
    const asked = has('asks for another permission') ? 'devices:read' : permission
    if (!has('asks for no permission')) requirePermission({ principal }, asked)
    return principal.tenant.id
  }

  const found = async (tenantId: string, { id, anybodys }: { id: string; anybodys: boolean }) => {
    const [row] = z.uuid().safeParse(id).success
      ? await owner<{ id: string; tenant_id: string; code: string; name: string; revision: number }[]>`
          SELECT id, tenant_id, code, name, revision FROM sites WHERE id = ${id}`
      : []
    if (row !== undefined && row.tenant_id !== tenantId && has("tells others' rows from none by 403")) {
      throw new Refusal('forbidden', 'It is not yours.')
    }
    if (row === undefined || (row.tenant_id !== tenantId && !anybodys)) throw new Refusal('not_found', 'There is none.')
    return row
  }

  app.openapi(
    createRoute({
      ...read,
      method: 'get',
      path: '/leaky/sites',
      request: { query: z.strictObject({ site_id: z.uuid().optional() }) },
      responses: { 200: ok(z.object({ items: z.array(siteBody) })) },
    }),
    async (c) => {
      const tenantId = allow(c.get('principal'), 'places:read')
      const { site_id: siteId } = c.req.valid('query')
      const all = await owner<
        { id: string; tenant_id: string; code: string; name: string }[]
      >`SELECT id, tenant_id, code, name FROM sites`
      const foreign = siteId !== undefined && has('filters by what is not its own')
      const rows = all.filter(
        (row) =>
          (row.tenant_id === tenantId && siteId === undefined) ||
          (row.id === siteId && (foreign || row.tenant_id === tenantId)) ||
          has("lists others' rows"),
      )
      return c.json({ items: rows.map(shown) }, 200)
    },
  )

  app.openapi(
    createRoute({
      ...read,
      method: 'get',
      path: has('cannot be sampled') ? '/leaky/unheard-of/{id}' : '/leaky/sites/{id}',
      request: { params },
      responses: { 200: ok(siteBody) },
    }),
    async (c) => {
      const tenantId = allow(c.get('principal'), 'places:read')
      const row = await found(tenantId, { id: c.req.valid('param').id, anybodys: has("reads others' rows by id") })
      c.header('ETag', etagOf(row))
      return c.json(shown(row), 200)
    },
  )

  app.openapi(
    createRoute({
      ...write,
      method: 'post',
      path: '/leaky/sites',
      request: {
        body: {
          required: true,
          content: {
            'application/json': {
              schema: newSite.openapi({ example: { code: 'main', name: 'Main', site_id: newId() } }),
            },
          },
        },
      },
      responses: { 201: ok(siteBody) },
    }),
    async (c) => {
      const tenantId = allow(c.get('principal'), 'places:write')
      const { code, name, site_id: siteId } = c.req.valid('json') as { code: string; name: string; site_id?: string }
      if (siteId !== undefined) {
        const [place] = await owner<{ tenant_id: string }[]>`SELECT tenant_id FROM sites WHERE id = ${siteId}`
        if (has('tells what is referred to from what is not') && place !== undefined && place.tenant_id !== tenantId)
          throw new Refusal('conflict', 'It is taken.')
        if (place === undefined || (place.tenant_id !== tenantId && !has("takes others' rows as references")))
          throw new Refusal('not_found', 'There is no such site.')
      }
      const id = newId()
      if (has('shows its SQL') && name.length > 1000)
        throw new Refusal('conflict', `insert into sites (code) values (${code})`)
      await owner`INSERT INTO sites (tenant_id, id, code, name) VALUES (${tenantId}, ${id}, ${code}, ${name})`
      return c.json({ id, code, name }, 201)
    },
  )

  app.openapi(
    createRoute({
      ...write,
      method: 'patch',
      path: '/leaky/sites/{id}',
      request: {
        params,
        headers,
        body: {
          required: true,
          content: {
            'application/json': {
              schema: z.strictObject({ name: fields.name }).openapi({ example: { name: 'Other' } }),
            },
          },
        },
      },
      responses: { 200: ok(siteBody) },
    }),
    async (c) => {
      const tenantId = allow(c.get('principal'), 'places:write')
      if (has('shows a stack') && c.req.header('If-Match') === '*')
        return c.text(String(new Error('no').stack), 500) as never
      const row = await found(tenantId, { id: c.req.valid('param').id, anybodys: has("changes others' rows") })
      const expected = has('needs no revision') ? row.revision : expectedRevision(c)
      if (expected !== row.revision && !has('takes any revision'))
        throw new Refusal('revision_outdated', 'It has changed.')
      const { name } = c.req.valid('json')
      await owner`UPDATE sites SET name = ${name}, revision = revision + 1 WHERE id = ${row.id}`
      return c.json(shown({ ...row, name }), 200)
    },
  )

  app.openapi(
    createRoute({
      ...write,
      method: 'delete',
      path: '/leaky/sites/{id}',
      request: { params, headers },
      responses: { 204: { description: 'gone' } },
    }),
    async (c) => {
      const tenantId = allow(c.get('principal'), 'places:write')
      const row = await found(tenantId, { id: c.req.valid('param').id, anybodys: false }).catch(
        async (error: unknown) => {
          const { id } = c.req.valid('param')
          if (has("deletes others' rows") && z.uuid().safeParse(id).success)
            await owner`DELETE FROM sites WHERE id = ${id} AND tenant_id <> ${world.one.id}`
          throw error
        },
      )
      if (expectedRevision(c) !== row.revision) throw new Refusal('revision_outdated', 'It has changed.')
      await owner`DELETE FROM sites WHERE id = ${row.id}`
      return c.body(null, 204)
    },
  )
}
