import type { Context } from 'hono'
import { accepts } from 'hono/accepts'
import { exportSpaces } from '../../administration/space-export.ts'
import type { SpaceFormat } from '../../administration/space-file.ts'
import { DryRun, importSpaces, SpaceImports, type ImportedSpaces } from '../../administration/space-import.ts'
import { Refusal } from '../../refusal.ts'
import type { Api } from '../app.ts'
import type { ApiEnv } from '../context.ts'
import { withIdempotency, type IdempotentOptions } from '../idempotency.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { exportRoute, importRoute } from './spaces-descriptions.ts'

const mediaTypes: Record<SpaceFormat, string> = { csv: 'text/csv', geojson: 'application/geo+json' }

/** To be added before the routes of single spaces: `import` and `export` are no ids. */
export function addSpaceFileRoutes(app: Api, options: SignedInOptions): void {
  const imports = new SpaceImports()
  const importing: IdempotentOptions = { ...options, inTurn: (actor, work) => imports.inTurn(actor, work) }

  app.openapi(importRoute, async (c) => {
    const { site_id: siteId, dry_run: dryRun } = c.req.valid('query')
    const format = formatOf(c)
    const content = Buffer.from(await c.req.arrayBuffer())
    const answer = ({ zones, spaces, ignoredColumns }: ImportedSpaces) =>
      c.json({ zones, spaces, ignored_columns: [...ignoredColumns], dry_run: dryRun }, 200)
    try {
      return await withIdempotency(c, importing, async (tx, actor) => {
        const found = await importSpaces(tx, actor, { siteId, format, content })
        // It does everything but commit, so that it keeps no answer either.
        if (dryRun) throw new DryRun(found)
        return answer(found)
      })
    } catch (error) {
      if (error instanceof DryRun) return answer(error.found)
      throw error
    }
  })

  app.openapi(exportRoute, async (c) => {
    const { site_id: siteId } = c.req.valid('query')
    const accepted = accepts(c, { header: 'Accept', supports: Object.values(mediaTypes), default: mediaTypes.csv })
    const format = accepted === mediaTypes.geojson ? 'geojson' : 'csv'
    const { site, content } = await inOwnTenant(c, options, (tx, actor) => exportSpaces(tx, actor, { siteId, format }))
    return c.body(content, 200, {
      'Content-Type': `${mediaTypes[format]}; charset=utf-8`,
      // A code has only characters that need no quoting.
      'Content-Disposition': `attachment; filename="spaces-${site}.${format}"`,
      Vary: 'Accept',
    })
  })
}

function formatOf(c: Context<ApiEnv>): SpaceFormat {
  const type = c.req.header('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === mediaTypes.csv) return 'csv'
  if (type === mediaTypes.geojson) return 'geojson'
  throw new Refusal('invalid_input', 'Send the file as text/csv or application/geo+json.', {
    errors: [{ path: 'content-type', message: 'must be text/csv or application/geo+json' }],
  })
}
