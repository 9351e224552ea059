import { changeZone, createZone, deleteZone, listZones, readZone } from '../../administration/zones.ts'
import type { Zone } from '../../store/zones.ts'
import type { Api } from '../app.ts'
import { withIdempotency } from '../idempotency.ts'
import { expectedRevision } from '../revision.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { given, pageBy, pageOf, setCreated, setEtag, sortOf } from './places.ts'
import { changeRoute, createZoneRoute, deleteRoute, listRoute, readRoute, ZONES } from './zones-descriptions.ts'

export function addZoneRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(listRoute, async (c) => {
    const { limit, cursor, sort: wanted, site_id: siteId, code_prefix: codePrefix } = c.req.valid('query')
    const sort = sortOf({ sort: wanted, siteId })
    const list = `zones-by-${sort}`
    const page = { ...pageOf(list, { limit, cursor }), sort, siteId, codePrefix }
    const rows = await inOwnTenant(c, options, (tx, actor) => listZones(tx, actor, page))
    return c.json(pageBy(rows, { list, limit, key: (row) => row[sort], item: zoneBody }), 200)
  })

  app.openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param')
    const zone = await inOwnTenant(c, options, (tx, actor) => readZone(tx, actor, id))
    setEtag(c, zone)
    return c.json(zoneBody(zone), 200)
  })

  app.openapi(createZoneRoute, async (c) => {
    const { site_id: siteId, ...fields } = c.req.valid('json')
    return await withIdempotency(c, options, async (tx, actor) => {
      const zone = await createZone(tx, actor, { ...fields, siteId })
      setCreated(c, { path: ZONES, row: zone })
      return c.json(zoneBody(zone), 201)
    })
  })

  app.openapi(changeRoute, async (c) => {
    const change = { id: c.req.valid('param').id, revision: expectedRevision(c), fields: given(c.req.valid('json')) }
    const zone = await inOwnTenant(c, options, (tx, actor) => changeZone(tx, actor, change))
    setEtag(c, zone)
    return c.json(zoneBody(zone), 200)
  })

  app.openapi(deleteRoute, async (c) => {
    const which = { id: c.req.valid('param').id, revision: expectedRevision(c) }
    await inOwnTenant(c, options, (tx, actor) => deleteZone(tx, actor, which))
    return c.body(null, 204)
  })
}

function zoneBody({ id, siteId, code, name, createdAt }: Zone) {
  return { id, site_id: siteId, code, name, created_at: createdAt.toISOString() }
}
