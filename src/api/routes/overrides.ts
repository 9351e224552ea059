import {
  changeOverride,
  endOverride,
  listOverrides,
  override,
  readOneOverride,
  type WantedOverride,
} from '../../administration/overrides.ts'
import type { Override } from '../../store/overrides.ts'
import type { Api } from '../app.ts'
import { expectedRevision } from '../revision.ts'
import { inOwnTenant, writingInOwnTenant } from '../signed-in.ts'
import { overrideToBody } from './override-body.ts'
import {
  changeRoute,
  createOverrideRoute,
  createOverridesRoute,
  deleteRoute,
  endRoute,
  listRoute,
  OVERRIDES,
  readRoute,
} from './overrides-descriptions.ts'
import { given, pageBy, pageOf, setCreated, setEtag } from './places.ts'
import type { SpaceRoutesOptions } from './spaces.ts'

export function addOverrideRoutes(app: Api, options: SpaceRoutesOptions): void {
  addReading(app, options)
  addMaking(app, options)
  addChanging(app, options)
}

function addReading(app: Api, options: SpaceRoutesOptions): void {
  app.openapi(listRoute, async (c) => {
    const { limit, cursor, space_id: spaceId, site_id: siteId, kind, in_force: inForce } = c.req.valid('query')
    const page = { ...pageOf('overrides', { limit, cursor }), spaceId, siteId, kind, inForce }
    const rows = await inOwnTenant(c, options, (tx, actor) => listOverrides(tx, actor, page))
    return c.json(pageBy(rows, { list: 'overrides', limit, key: (row) => row.id, item: overrideToBody }), 200)
  })

  app.openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param')
    const found = await inOwnTenant(c, options, (tx, actor) => readOneOverride(tx, actor, id))
    setEtag(c, found)
    return c.json(overrideToBody(found), 200)
  })
}

function addMaking(app: Api, options: SpaceRoutesOptions): void {
  const { stepping } = options

  app.openapi(createOverrideRoute, async (c) => {
    const { space_id: spaceId, ...body } = c.req.valid('json')
    const spaces = { ids: [spaceId], field: 'space_id' }
    const wanted = wantedOf(body)
    const [made] = await writingInOwnTenant(c, options, (tx, actor) =>
      override(tx, actor, { spaces, wanted, stepping }),
    )
    const row = made as Override
    setCreated(c, { path: OVERRIDES, row })
    return c.json(overrideToBody(row), 201)
  })

  app.openapi(createOverridesRoute, async (c) => {
    const { space_ids: ids, ...body } = c.req.valid('json')
    const spaces = { ids, field: 'space_ids' }
    const wanted = wantedOf(body)
    const made = await writingInOwnTenant(c, options, (tx, actor) => override(tx, actor, { spaces, wanted, stepping }))
    return c.json({ items: made.map(overrideToBody) }, 201)
  })
}

function addChanging(app: Api, options: SpaceRoutesOptions): void {
  const { stepping } = options

  app.openapi(changeRoute, async (c) => {
    const { reason, ends_at: endsAt } = c.req.valid('json')
    const fields = given({ reason, endsAt })
    const change = { id: c.req.valid('param').id, revision: expectedRevision(c), fields, stepping }
    const changed = await writingInOwnTenant(c, options, (tx, actor) => changeOverride(tx, actor, change))
    setEtag(c, changed)
    return c.json(overrideToBody(changed), 200)
  })

  app.openapi(endRoute, async (c) => {
    const which = { id: c.req.valid('param').id, stepping }
    const ended = await writingInOwnTenant(c, options, (tx, actor) => endOverride(tx, actor, which))
    setEtag(c, ended)
    return c.json(overrideToBody(ended), 200)
  })

  app.openapi(deleteRoute, async (c) => {
    const which = { id: c.req.valid('param').id, revision: expectedRevision(c), stepping }
    await writingInOwnTenant(c, options, (tx, actor) => endOverride(tx, actor, which))
    return c.body(null, 204)
  })
}

interface Body {
  kind: WantedOverride['kind']
  reason?: string | null | undefined
  ends_at?: Date | null | undefined
}

function wantedOf({ kind, reason = null, ends_at: endsAt = null }: Body): WantedOverride {
  return { kind, reason, endsAt }
}
