import { readSpace } from '../../administration/space-detail.ts'
import { changeSpace, createSpace, deleteSpace, listSpaces } from '../../administration/spaces.ts'
import type { Stepping } from '../../administration/stepped-spaces.ts'
import type { SpaceFields } from '../../store/spaces.ts'
import type { Api } from '../app.ts'
import { withIdempotency } from '../idempotency.ts'
import { expectedRevision } from '../revision.ts'
import { inOwnTenant, writingInOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { given, pageBy, pageOf, setCreated, setEtag, sortOf } from './places.ts'
import { explainedToBody, spaceToBody } from './space-bodies.ts'
import { changeRoute, createSpaceRoute, deleteRoute, listRoute, readRoute, SPACES } from './spaces-descriptions.ts'

/** Beside what every route has: what spaces are stepped with. */
export type SpaceRoutesOptions = SignedInOptions & { stepping: Stepping }

export function addSpaceRoutes(app: Api, options: SpaceRoutesOptions): void {
  app.openapi(listRoute, async (c) => {
    const { limit, cursor, sort: wanted, site_id: siteId, zone_id: zoneId, ...filters } = c.req.valid('query')
    const { status, level, stale, code_prefix: codePrefix } = filters
    const sort = sortOf({ sort: wanted, siteId })
    const list = `own-spaces-by-${sort}`
    const page = { ...pageOf(list, { limit, cursor }), sort, siteId, zoneId, status, level, stale, codePrefix }
    const rows = await inOwnTenant(c, options, (tx, actor) => listSpaces(tx, actor, page))
    return c.json(pageBy(rows, { list, limit, key: (row) => row[sort], item: spaceToBody }), 200)
  })

  app.openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param')
    const explained = await inOwnTenant(c, options, (tx, actor) => readSpace(tx, actor, id))
    setEtag(c, explained.space)
    return c.json(explainedToBody(explained), 200)
  })

  app.openapi(createSpaceRoute, async (c) => {
    const { site_id: siteId, code, name, ...optional } = c.req.valid('json')
    const fields = { ...nothing, ...given(fieldsOf(optional)), siteId, code, name }
    return await withIdempotency(c, options, async (tx, actor) => {
      const made = await createSpace(tx, actor, fields)
      setCreated(c, { path: SPACES, row: made.space })
      return c.json(explainedToBody(made), 201)
    })
  })

  app.openapi(changeRoute, async (c) => {
    const { code, name, ...optional } = c.req.valid('json')
    const fields = given({ code, name, ...fieldsOf(optional) })
    const change = { id: c.req.valid('param').id, revision: expectedRevision(c), fields }
    const changed = await inOwnTenant(c, options, (tx, actor) => changeSpace(tx, actor, change))
    setEtag(c, changed.space)
    return c.json(explainedToBody(changed), 200)
  })

  app.openapi(deleteRoute, async (c) => {
    const { stepping } = options
    const which = { id: c.req.valid('param').id, revision: expectedRevision(c), stepping }
    await writingInOwnTenant(c, options, (tx, actor) => deleteSpace(tx, actor, which))
    return c.body(null, 204)
  })
}

const nothing: Omit<SpaceFields, 'code' | 'name'> = {
  zoneId: null,
  level: null,
  lat: null,
  lon: null,
  planX: null,
  planY: null,
  features: [],
}

interface OptionalFields {
  zone_id?: string | null | undefined
  level?: string | null | undefined
  lat?: number | null | undefined
  lon?: number | null | undefined
  plan_x?: number | null | undefined
  plan_y?: number | null | undefined
  features?: string[] | undefined
}

function fieldsOf({ zone_id: zoneId, plan_x: planX, plan_y: planY, ...others }: OptionalFields) {
  return { ...others, zoneId, planX, planY }
}
