import { createApp, listApps, revokeApp, rotateApp } from '../../administration/apps.ts'
import type { App } from '../../store/apps.ts'
import type { Api } from '../app.ts'
import { toPage } from '../cursor.ts'
import { withIdempotency } from '../idempotency.ts'
import { pageOf } from '../page.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { createAppRoute, listAppsRoute, revokeAppRoute, rotateAppRoute } from './apps-descriptions.ts'

export function addAppRoutes(api: Api, options: SignedInOptions): void {
  api.openapi(listAppsRoute, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const page = pageOf('apps', { limit, cursor })
    const rows = await inOwnTenant(c, options, (tx, actor) => listApps(tx, actor, page))
    return c.json(toPage(rows, { list: 'apps', limit, item: appBody }), 200)
  })

  api.openapi(createAppRoute, async (c) => {
    const { code } = c.req.valid('json')
    return await withIdempotency(c, { ...options, secret: true }, async (tx, actor) => {
      const { app, credentials } = await createApp(tx, actor, code)
      return c.json({ ...appBody(app), credentials }, 201)
    })
  })

  api.openapi(rotateAppRoute, async (c) => {
    const { code } = c.req.valid('param')
    return await withIdempotency(c, { ...options, secret: true }, async (tx, actor) =>
      c.json({ credentials: await rotateApp(tx, actor, code) }, 200),
    )
  })

  api.openapi(revokeAppRoute, async (c) => {
    const { code } = c.req.valid('param')
    return await withIdempotency(c, options, async (tx, actor) =>
      c.json(appBody(await revokeApp(tx, actor, code)), 200),
    )
  })
}

function appBody({ code, created_at, credential_since }: App) {
  return { code, created_at, credential_since }
}
