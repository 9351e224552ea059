import {
  changeGateway,
  createGateway,
  deleteGateway,
  listGateways,
  provisionGateway,
  readGateway,
  revokeGateway,
  rotateGateway,
} from '../../administration/gateways.ts'
import type { Gateway } from '../../store/gateways.ts'
import type { Api } from '../app.ts'
import { toPage } from '../cursor.ts'
import { withIdempotency } from '../idempotency.ts'
import { pageOf } from '../page.ts'
import { etagOf, expectedRevision } from '../revision.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import {
  changeGatewayRoute,
  createGatewayRoute,
  deleteGatewayRoute,
  GATEWAYS,
  getGatewayRoute,
  listGatewaysRoute,
  provisionGatewayRoute,
  revokeGatewayRoute,
  rotateGatewayRoute,
} from './gateways-descriptions.ts'

export function addGatewayRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(listGatewaysRoute, async (c) => {
    const { limit, cursor, code_prefix: codePrefix, presence } = c.req.valid('query')
    const page = { ...pageOf('gateways', { limit, cursor }), codePrefix, presence }
    const rows = await inOwnTenant(c, options, (tx, actor) => listGateways(tx, actor, page))
    return c.json(toPage(rows, { list: 'gateways', limit, item: gatewayBody }), 200)
  })

  app.openapi(createGatewayRoute, async (c) => {
    const { code, name = null, messages_per_s = null, in_flight = null } = c.req.valid('json')
    const fields = { code, name, messages_per_s, in_flight }
    return await withIdempotency(c, { ...options, secret: true }, async (tx, actor) => {
      const { gateway, credentials } = await createGateway(tx, actor, fields)
      c.header('Location', `${GATEWAYS}/${gateway.id}`)
      c.header('ETag', etagOf(gateway))
      return c.json({ ...gatewayBody(gateway), credentials }, 201)
    })
  })

  app.openapi(getGatewayRoute, async (c) => {
    const { id } = c.req.valid('param')
    const gateway = await inOwnTenant(c, options, (tx, actor) => readGateway(tx, actor, id))
    c.header('ETag', etagOf(gateway))
    return c.json(gatewayBody(gateway), 200)
  })

  app.openapi(changeGatewayRoute, async (c) => {
    const change = { id: c.req.valid('param').id, revision: expectedRevision(c), fields: c.req.valid('json') }
    const gateway = await inOwnTenant(c, options, (tx, actor) => changeGateway(tx, actor, change))
    c.header('ETag', etagOf(gateway))
    return c.json(gatewayBody(gateway), 200)
  })

  app.openapi(deleteGatewayRoute, async (c) => {
    const expected = { id: c.req.valid('param').id, revision: expectedRevision(c) }
    await inOwnTenant(c, options, (tx, actor) => deleteGateway(tx, actor, expected))
    return c.body(null, 204)
  })

  addCredentials(app, options)
}

function addCredentials(app: Api, options: SignedInOptions): void {
  app.openapi(provisionGatewayRoute, async (c) => {
    const { id } = c.req.valid('param')
    return await withIdempotency(c, { ...options, secret: true }, async (tx, actor) =>
      c.json({ credentials: await provisionGateway(tx, actor, id) }, 201),
    )
  })

  app.openapi(rotateGatewayRoute, async (c) => {
    const { id } = c.req.valid('param')
    return await withIdempotency(c, { ...options, secret: true }, async (tx, actor) =>
      c.json({ credentials: await rotateGateway(tx, actor, id) }, 200),
    )
  })

  app.openapi(revokeGatewayRoute, async (c) => {
    const { id } = c.req.valid('param')
    return await withIdempotency(c, options, async (tx, actor) => {
      const gateway = await revokeGateway(tx, actor, id)
      c.header('ETag', etagOf(gateway))
      return c.json(gatewayBody(gateway), 200)
    })
  })
}

function gatewayBody(gateway: Gateway) {
  const { id, code, name, messages_per_s, in_flight, presence, presence_at, credential_since, created_at } = gateway
  const fields = { id, code, name, messages_per_s, in_flight }
  return { ...fields, presence, last_seen_at: presence_at, credential_since, created_at }
}
