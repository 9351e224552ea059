import { search, type Hit } from '../../administration/search.ts'
import type { Api } from '../app.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { searchRoute } from './search-descriptions.ts'

export function addSearchRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(searchRoute, async (c) => {
    const { q } = c.req.valid('query')
    const hits = await inOwnTenant(c, options, (tx, actor) => search(tx, actor, q))
    return c.json({ items: hits.map(hitBody) }, 200)
  })
}

function hitBody(hit: Hit) {
  if (hit.kind === 'device') {
    const { kind, id, code, name, space_id, space } = hit
    return { kind, id, code, name, space_id, space }
  }
  const { kind, id, code, name, site_id, site, level, status } = hit
  return { kind, id, code, name, site_id, site, level, status }
}
