import type { Context } from 'hono'
import { listAssignments } from '../../administration/assignments.ts'
import {
  assignDevice,
  changeDevice,
  createDevice,
  deleteDevice,
  listDevices,
  provisionDevice,
  readDevice,
  revokeDevice,
  rotateDevice,
  unassignDevice,
  type DeviceWithDetails,
} from '../../administration/devices.ts'
import type { Api } from '../app.ts'
import type { ApiEnv } from '../context.ts'
import { toPage } from '../cursor.ts'
import { withIdempotency } from '../idempotency.ts'
import { pageOf } from '../page.ts'
import { etagOf, expectedRevision } from '../revision.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import {
  assignDeviceRoute,
  changeDeviceRoute,
  createDeviceRoute,
  deleteDeviceRoute,
  deviceAssignmentsRoute,
  DEVICES,
  getDeviceRoute,
  listDevicesRoute,
  provisionDeviceRoute,
  revokeDeviceRoute,
  rotateDeviceRoute,
  unassignDeviceRoute,
} from './devices-descriptions.ts'

export function addDeviceRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(listDevicesRoute, async (c) => {
    const { limit, cursor, code_prefix, site_id, space_id, ...filter } = c.req.valid('query')
    const page = {
      ...pageOf('devices', { limit, cursor }),
      codePrefix: code_prefix,
      siteId: site_id,
      spaceId: space_id,
    }
    const rows = await inOwnTenant(c, options, (tx, actor) => listDevices(tx, actor, { ...page, ...filter }))
    return c.json(toPage(rows, { list: 'devices', limit, item: deviceBody }), 200)
  })

  app.openapi(createDeviceRoute, async (c) => {
    const { code, name = null, space_id: spaceId, provision = false } = c.req.valid('json')
    const wanted = { code, name, spaceId, provision }
    return await withIdempotency(c, { ...options, secret: provision }, async (tx, actor) => {
      const made = await createDevice(tx, actor, wanted)
      c.header('Location', `${DEVICES}/${made.device.id}`)
      tellRevision(c, made.device)
      return c.json({ ...deviceBody(made.device), ...credentialsOf(made) }, 201)
    })
  })

  app.openapi(getDeviceRoute, async (c) => {
    const { id } = c.req.valid('param')
    const device = await inOwnTenant(c, options, (tx, actor) => readDevice(tx, actor, id))
    tellRevision(c, device)
    return c.json(deviceBody(device), 200)
  })

  app.openapi(changeDeviceRoute, async (c) => {
    const change = { id: c.req.valid('param').id, revision: expectedRevision(c), fields: c.req.valid('json') }
    const device = await inOwnTenant(c, options, (tx, actor) => changeDevice(tx, actor, change))
    tellRevision(c, device)
    return c.json(deviceBody(device), 200)
  })

  app.openapi(deleteDeviceRoute, async (c) => {
    const expected = { id: c.req.valid('param').id, revision: expectedRevision(c) }
    await inOwnTenant(c, options, (tx, actor) => deleteDevice(tx, actor, expected))
    return c.body(null, 204)
  })

  addPlacing(app, options)
  addCredentials(app, options)
}

function addPlacing(app: Api, options: SignedInOptions): void {
  app.openapi(assignDeviceRoute, async (c) => {
    const { space_id: spaceId, at } = c.req.valid('json')
    const wanted = { id: c.req.valid('param').id, spaceId, at: millisecondsOf(at) }
    return await withIdempotency(c, options, async (tx, actor) => {
      const device = await assignDevice(tx, actor, wanted)
      tellRevision(c, device)
      return c.json(deviceBody(device), 200)
    })
  })

  app.openapi(unassignDeviceRoute, async (c) => {
    const wanted = { id: c.req.valid('param').id, at: millisecondsOf(c.req.valid('json').at) }
    return await withIdempotency(c, options, async (tx, actor) => {
      const device = await unassignDevice(tx, actor, wanted)
      tellRevision(c, device)
      return c.json(deviceBody(device), 200)
    })
  })

  app.openapi(deviceAssignmentsRoute, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const page = { id: c.req.valid('param').id, ...pageOf('assignments', { limit, cursor }) }
    const rows = await inOwnTenant(c, options, (tx, actor) => listAssignments(tx, actor, page))
    const coded = rows.map((row) => ({ ...row, code: row.id }))
    return c.json(toPage(coded, { list: 'assignments', limit, item: ({ code, ...row }) => row }), 200)
  })
}

function addCredentials(app: Api, options: SignedInOptions): void {
  app.openapi(provisionDeviceRoute, async (c) => {
    const { id } = c.req.valid('param')
    return await withIdempotency(c, { ...options, secret: true }, async (tx, actor) =>
      c.json({ credentials: await provisionDevice(tx, actor, id) }, 201),
    )
  })

  app.openapi(rotateDeviceRoute, async (c) => {
    const { id } = c.req.valid('param')
    return await withIdempotency(c, { ...options, secret: true }, async (tx, actor) =>
      c.json({ credentials: await rotateDevice(tx, actor, id) }, 200),
    )
  })

  app.openapi(revokeDeviceRoute, async (c) => {
    const { id } = c.req.valid('param')
    return await withIdempotency(c, options, async (tx, actor) => {
      const device = await revokeDevice(tx, actor, id)
      tellRevision(c, device)
      return c.json(deviceBody(device), 200)
    })
  })
}

function tellRevision(c: Context<ApiEnv>, resource: { revision: number }): void {
  c.header('ETag', etagOf(resource))
}

/** Null is always. */
function millisecondsOf(time: string | null | undefined): number | undefined {
  if (time === null) return -Infinity
  return time === undefined ? undefined : Date.parse(time)
}

export function credentialsOf<Issued>({ credentials }: { credentials: Issued | undefined }) {
  return credentials === undefined ? {} : { credentials }
}

/** A row of the store as it is answered. */
export function deviceBody({ revision, newest, ...device }: DeviceWithDetails) {
  const { id, code, name, space_id, site_id, space, assigned_at, presence, presence_at, last_heard_at } = device
  const { silent, battery, rssi, credential_since, created_at } = device
  const where = { space_id, site_id, space, assigned_at }
  const heard = { presence, presence_at, last_heard_at, silent, battery, rssi }
  const last_outcome = newest?.outcome ?? null
  return { id, code, name, ...where, ...heard, last_outcome, credential_since, created_at }
}
