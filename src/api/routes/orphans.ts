import { claimOrphan, ignoreOrphan, listOrphans } from '../../administration/orphans.ts'
import type { Orphan } from '../../store/orphans.ts'
import type { Api } from '../app.ts'
import { toPage } from '../cursor.ts'
import { withIdempotency } from '../idempotency.ts'
import { pageOf } from '../page.ts'
import { etagOf } from '../revision.ts'
import { sampleText } from '../../sample-text.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { DEVICES } from './devices-descriptions.ts'
import { credentialsOf, deviceBody } from './devices.ts'
import { claimOrphanRoute, ignoreOrphanRoute, listOrphansRoute, unignoreOrphanRoute } from './orphans-descriptions.ts'

export function addOrphanRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(listOrphansRoute, async (c) => {
    const { limit, cursor, code_prefix: codePrefix, ignored } = c.req.valid('query')
    const page = { ...pageOf('orphans', { limit, cursor }), codePrefix, ignored }
    const rows = await inOwnTenant(c, options, (tx, actor) => listOrphans(tx, actor, page))
    return c.json(toPage(rows, { list: 'orphans', limit, item: orphanBody }), 200)
  })

  app.openapi(claimOrphanRoute, async (c) => {
    const { name = null, space_id: spaceId, provision = false } = c.req.valid('json')
    const wanted = { code: c.req.valid('param').code, name, spaceId, provision }
    return await withIdempotency(c, { ...options, secret: provision }, async (tx, actor) => {
      const made = await claimOrphan(tx, actor, wanted)
      c.header('Location', `${DEVICES}/${made.device.id}`)
      c.header('ETag', etagOf(made.device))
      return c.json({ ...deviceBody(made.device), ...credentialsOf(made), redrive: made.redrive }, 201)
    })
  })

  app.openapi(ignoreOrphanRoute, async (c) => {
    const wanted = { code: c.req.valid('param').code, ignored: true }
    return await withIdempotency(c, options, async (tx, actor) => {
      await ignoreOrphan(tx, actor, wanted)
      return c.body(null, 204)
    })
  })

  app.openapi(unignoreOrphanRoute, async (c) => {
    const wanted = { code: c.req.valid('param').code, ignored: false }
    return await withIdempotency(c, options, async (tx, actor) => {
      await ignoreOrphan(tx, actor, wanted)
      return c.body(null, 204)
    })
  })
}

function orphanBody(orphan: Orphan) {
  const { code, first_heard_at, last_heard_at, heard, ignored_at, sample_topic: topic, sample_bytes: bytes } = orphan
  const sample = { topic, bytes, text: sampleText(orphan.sample), hex: orphan.sample.toString('hex') }
  return { device: code, first_heard_at, last_heard_at, heard, ignored_at, sample }
}
