import { changeSite, createSite, deleteSite, listSites, readSite } from '../../administration/sites.ts'
import type { Site } from '../../store/sites.ts'
import type { Api } from '../app.ts'
import { toPage } from '../cursor.ts'
import { withIdempotency } from '../idempotency.ts'
import { expectedRevision } from '../revision.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { given, pageOf, setCreated, setEtag } from './places.ts'
import { changeRoute, createSiteRoute, deleteRoute, listRoute, readRoute, SITES } from './sites-descriptions.ts'

export function addSiteRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(listRoute, async (c) => {
    const { limit, cursor, code_prefix: codePrefix } = c.req.valid('query')
    const page = { ...pageOf('own-sites', { limit, cursor }), codePrefix }
    const rows = await inOwnTenant(c, options, (tx, actor) => listSites(tx, actor, page))
    return c.json(toPage(rows, { list: 'own-sites', limit, item: siteBody }), 200)
  })

  app.openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param')
    const site = await inOwnTenant(c, options, (tx, actor) => readSite(tx, actor, id))
    setEtag(c, site)
    return c.json(siteBody(site), 200)
  })

  app.openapi(createSiteRoute, async (c) => {
    const { lat = null, lon = null, ...fields } = c.req.valid('json')
    return await withIdempotency(c, options, async (tx, actor) => {
      const site = await createSite(tx, actor, { ...fields, lat, lon })
      setCreated(c, { path: SITES, row: site })
      return c.json(siteBody(site), 201)
    })
  })

  app.openapi(changeRoute, async (c) => {
    const change = { id: c.req.valid('param').id, revision: expectedRevision(c), fields: given(c.req.valid('json')) }
    const site = await inOwnTenant(c, options, (tx, actor) => changeSite(tx, actor, change))
    setEtag(c, site)
    return c.json(siteBody(site), 200)
  })

  app.openapi(deleteRoute, async (c) => {
    const which = { id: c.req.valid('param').id, revision: expectedRevision(c) }
    await inOwnTenant(c, options, (tx, actor) => deleteSite(tx, actor, which))
    return c.body(null, 204)
  })
}

function siteBody({ createdAt, revision: _, ...site }: Site) {
  return { ...site, created_at: createdAt.toISOString() }
}
