import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { newId } from '../../src/ids.ts'
import { CredentialWatch, identify } from '../../src/ingest/credentials.ts'
import { redriveDeadLetters } from '../../src/ingest/redrive-run.ts'
import { startBroker } from '../../src/mqtt/broker.ts'
import { DeviceDirectory } from '../../src/store/device-directory.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { inTenant } from '../../src/store/provision.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { listSpeakers } from '../../src/store/speaker-list.ts'
import { addSpeaker } from '../../src/store/speakers.ts'
import { connectPacket, publishPacket, RawClient } from '../support/mqtt.ts'
import { ascending, startOperators, type OperatedTenant, type Operators } from './operator.ts'

let operators: Operators
let city: OperatedTenant

beforeAll(async () => {
  operators = await startOperators()
})
beforeEach(async () => {
  operators.baywire.clock.set(Date.now())
  city = await operators.tenant(['A1', 'A2'])
})
afterEach(() => operators.baywire.expectSound())
afterAll(() => operators.close())

async function make(code: string, more: object = {}) {
  const answer = await city.ask('POST', '/devices', { body: { code, ...more } })
  expect(answer.status).toBe(201)
  return answer
}

async function idOf(code: string, tenant = city): Promise<string> {
  const { body } = await tenant.ask('GET', `/devices?code_prefix=${code}`)
  return body.items[0].id
}

const clockAt = (offsetS: number) => new Date(operators.baywire.clock.now() + offsetS * 1000).toISOString()
const say = (device: string, reading: object) => operators.baywire.deliver(city.topic(device), reading)

async function statusOf(space: string): Promise<unknown> {
  const [row] = await operators.baywire.sql`
    select status from space_states where tenant_id = ${city.id} and space_id = ${await city.spaceId(space)}`
  return row?.['status']
}

async function outcomes(): Promise<unknown[]> {
  const rows = await operators.baywire.sql`
    select outcome from readings where tenant_id = ${city.id} order by received_at, id, part`
  return rows.map(({ outcome }) => outcome as unknown)
}

async function credentialsInForce(code: string): Promise<number> {
  const rows = await operators.baywire.sql`
    select from credentials where tenant_id = ${city.id} and code = ${code} and revoked_at is null`
  return rows.length
}

async function redriveUnassigned() {
  const { system, clock } = operators.baywire
  const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  return await redriveDeadLetters(
    { database: system, memory, directory: new DeviceDirectory(), clock, by: 'test' },
    {
      filter: { tenantId: city.id, outcomes: ['unassigned'] },
      execute: true,
      force: true,
      mostAttempts: 5,
      mostReadingsAtATime: 100,
      onProgress: () => {},
    },
  )
}

describe('a device', () => {
  test('is made, with its credential shown once', async () => {
    const spaceId = await city.spaceId('A1')
    const { body, headers, etag } = await make('D1', { name: 'Ramp', space_id: spaceId, provision: true })
    const username = `${city.slug}/devices/D1`
    expect(body).toMatchObject({
      code: 'D1',
      name: 'Ramp',
      space_id: spaceId,
      space: 'main/A1',
      assigned_at: null,
      silent: true,
      credentials: { username, client_id: username, secret: expect.stringMatching(/^[\w-]{43}$/) },
    })
    expect(headers.get('Location')).toBe(`/api/v1/devices/${body.id}`)
    expect(etag).toBe('"1"')
    const read = await city.ask('GET', `/devices/${body.id}`)
    expect(read).toMatchObject({ status: 200, etag: '"1"' })
    const { credentials, ...device } = body
    expect(read.body).toEqual(device)
    expect(JSON.stringify([read.text, await city.audit()])).not.toContain(credentials.secret)
    expect(await city.audit()).toMatchObject([
      { action: 'device.created', target_id: body.id, detail: { code: 'D1', space_id: spaceId, provisioned: true } },
    ])
  })

  test('has a code that no other of the tenant has; those of another tenant do not matter', async () => {
    const other = await operators.tenant(['D1'])
    expect((await make('D1')).body).not.toHaveProperty('credentials')
    const twice = await city.ask('POST', '/devices', { body: { code: 'D1' } })
    expect(twice).toMatchObject({ status: 409, body: { type: '/problems/conflict', errors: [{ path: 'code' }] } })
    const { body } = await other.ask('GET', '/devices')
    expect(body.items).toHaveLength(1)
  })

  test('is made once by those who make it at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => city.ask('POST', '/devices', { body: { code: 'D1', provision: true } })),
    )
    expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([201, ...Array(7).fill(409)])
    expect(await credentialsInForce('D1')).toBe(1)
  })

  test('is not made where its space is unknown, or of another tenant', async () => {
    const other = await operators.tenant(['B1'])
    const answers = []
    for (const spaceId of [newId(), await other.spaceId('B1')]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { status, body } = await city.ask('POST', '/devices', { body: { code: 'D1', space_id: spaceId } })
      answers.push({ ...body, status, request_id: '' })
    }
    expect(answers[0]).toMatchObject({ status: 404, errors: [{ path: 'space_id' }] })
    expect(answers[1]).toEqual(answers[0])
    expect(await city.audit()).toEqual([])
  })

  test.each([
    [{}, 'code'],
    [{ code: 'a b' }, 'code'],
    [{ code: 'D1', name: '' }, 'name'],
    [{ code: 'D1', name: 'a\u0000b' }, 'name'],
    [{ code: 'D1', name: '\ud800' }, 'name'],
    [{ code: 'D1', space_id: 'main' }, 'space_id'],
    [{ code: 'D1', provision: 'yes' }, 'provision'],
    [{ code: 'D1', tenant_id: newId() }, 'tenant_id'],
  ])('is not made of %j', async (body, path) => {
    const answer = await city.ask('POST', '/devices', { body })
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path }] } })
  })

  test('changes its name for whoever has seen it as it is', async () => {
    const id = await idOf('A1')
    const { etag } = await city.ask('GET', `/devices/${id}`)
    const change = (name: string | null, ifMatch: string | undefined) =>
      city.ask('PATCH', `/devices/${id}`, { body: { name }, ifMatch })
    expect((await change('x', undefined)).status).toBe(428)
    const answers = await Promise.all(Array.from({ length: 6 }, (_, n) => change(`n${n}`, etag)))
    expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([200, ...Array(5).fill(412)])
    const changed = answers.find(({ status }) => status === 200)
    expect(changed).toMatchObject({ etag: '"2"' })
    expect((await city.ask('GET', `/devices/${id}`)).body).toEqual(changed?.body)
    expect((await change(null, '"2"')).body.name).toBeNull()
    expect((await city.audit()).map(({ action }) => action)).toEqual(['device.changed', 'device.changed'])
  })

  test('of another tenant, and one that is not there, answer alike', async () => {
    const other = await operators.tenant(['B1'])
    const foreign = await idOf('B1', other)
    const requests = [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/assign'],
      ['POST', '/unassign'],
      ['GET', '/assignments'],
      ['POST', '/provision'],
      ['POST', '/rotate'],
      ['POST', '/revoke'],
    ] as const
    for (const [method, action] of requests) {
      const bodies: Record<string, unknown> = {
        PATCH: { name: 'x' },
        '/assign': { space_id: newId() },
        '/unassign': {},
      }
      const body = bodies[action === '' ? method : action]
      const answers = []
      for (const id of [foreign, newId()]) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const { status, text } = await city.ask(method, `/devices/${id}${action}`, { body, ifMatch: '"1"' })
        const { instance, request_id, ...problem } = JSON.parse(text)
        answers.push({ status, ...problem })
      }
      expect(answers[0], `${method} ${action}`).toMatchObject({ status: 404 })
      expect(answers[1]).toEqual(answers[0])
    }
    expect((await other.ask('GET', `/devices/${foreign}`)).body.name).toBeNull()
    expect(await other.audit()).toEqual([])
  })

  test('needs the permission: viewers read, drivers do not, and an API key has what its scopes say', async () => {
    const id = await idOf('A1')
    expect((await city.ask('GET', '/devices', { role: 'viewer' })).status).toBe(200)
    expect((await city.ask('GET', `/devices/${id}`, { role: 'driver' })).status).toBe(403)
    const refused = await city.ask('POST', '/devices', { role: 'viewer', body: { code: 'D9' } })
    expect(refused).toMatchObject({ status: 403, body: { detail: 'This needs the permission devices:write.' } })
    expect((await city.ask('GET', '/devices', { token: 'wrong' })).status).toBe(401)
    const tenant = { id: city.id, role: 'admin' } as const
    const apiKeyId = newId()
    const token = operators.signIn({ kind: 'api_key', apiKeyId, tenant, scopes: ['devices:write'] })
    expect((await city.ask('GET', '/devices', { token })).status).toBe(403)
    const renamed = await city.ask('PATCH', `/devices/${id}`, { token, body: { name: 'by key' }, ifMatch: '"1"' })
    expect(renamed.status).toBe(200)
    expect(await city.audit()).toMatchObject([{ action: 'device.changed', actor_id: apiKeyId }])
  })
})

describe('the list of devices', () => {
  test('goes page by page, in the order of codes', async () => {
    await make('B1')
    const first = await city.ask('GET', '/devices?limit=2')
    expect(first.body.items.map(({ code }: { code: string }) => code)).toEqual(['A1', 'A2'])
    const second = await city.ask('GET', `/devices?limit=2&cursor=${first.body.next}`)
    expect(second.body).toMatchObject({ items: [{ code: 'B1' }], next: null })
    expect((await city.ask('GET', `/gateways?cursor=${first.body.next}`)).status).toBe(400)
  })

  test('is narrowed by where devices stand and what was heard of them', async () => {
    await make('B1')
    await say('A1', { occupied: true, battery: 12, rssi: -90 })
    await operators.baywire.deliver(`parking/v1/${city.slug}/devices/A2/status`, 'offline')
    const codes = async (query: string) => {
      const { status, body } = await city.ask('GET', `/devices?${query}`)
      expect(status).toBe(200)
      return body.items.map(({ code }: { code: string }) => code)
    }
    const [site] = await operators.baywire.sql`select id from sites where tenant_id = ${city.id}`
    expect(await codes('assigned=true')).toEqual(['A1', 'A2'])
    expect(await codes('assigned=false')).toEqual(['B1'])
    expect(await codes(`site_id=${site?.['id']}&code_prefix=A2`)).toEqual(['A2'])
    expect(await codes(`space_id=${await city.spaceId('A1')}`)).toEqual(['A1'])
    expect(await codes('silent=true')).toEqual(['A2'])
    expect(await codes('silent=false')).toEqual(['A1'])
    expect(await codes('presence=offline')).toEqual(['A2'])
    expect(await codes('presence=unknown')).toEqual(['A1', 'B1'])
    const wrong = await city.ask('GET', '/devices?silent=perhaps&colour=red')
    expect(wrong.body.errors.map(({ path }: { path: string }) => path).toSorted()).toEqual(['colour', 'silent'])
  })

  test('says when a device was heard and what it said of itself', async () => {
    const now = new Date(operators.baywire.clock.now()).toISOString()
    await say('A1', { occupied: true, battery: 93, rssi: -71, seq: 1, boot: 1 })
    const readings = [
      { device: 'A1', occupied: true, seq: 2, boot: 1 },
      { device: 'A2', occupied: true, battery: 50.5, seq: 1, boot: 1 },
    ]
    const { body } = await city.ask('GET', '/devices?limit=1')
    expect(body.items[0]).toMatchObject({
      battery: 93,
      rssi: -71,
      last_heard_at: now,
      silent: false,
      last_outcome: 'applied',
    })
    operators.baywire.clock.advance(1000)
    await operators.baywire.deliver(`parking/v1/${city.slug}/gateways/gw-1/readings`, { readings })
    const one = await city.ask('GET', `/devices/${await idOf('A2')}`)
    const later = new Date(operators.baywire.clock.now()).toISOString()
    expect(one.body).toMatchObject({ battery: 50.5, rssi: null, last_heard_at: later, presence: null })
  })

  test('knows a reading that was long ago by the state of its space', async () => {
    operators.baywire.clock.advance(-3 * 86_400_000)
    await say('A1', { occupied: false })
    const heard = new Date(operators.baywire.clock.now()).toISOString()
    expect((await city.ask('GET', `/devices/${await idOf('A1')}`)).body).toMatchObject({ last_heard_at: heard })
  })
})

const assign = (id: string, body: object) => city.ask('POST', `/devices/${id}/assign`, { body })

describe('where a device stands', () => {
  test('counts for readings from the moment it is said', async () => {
    const { body } = await make('D1')
    await say('D1', { occupied: true, seq: 1, boot: 1 })
    expect(await outcomes()).toEqual(['unassigned'])
    const assigned = await assign(body.id, { space_id: await city.spaceId('A1') })
    expect(assigned).toMatchObject({ status: 200, etag: '"2"', body: { space: 'main/A1', assigned_at: null } })
    await say('D1', { occupied: true, seq: 2, boot: 1 })
    expect(await statusOf('A1')).toBe('occupied')
    const moved = await assign(body.id, { space_id: await city.spaceId('A2') })
    expect(moved.body).toMatchObject({ space: 'main/A2', assigned_at: expect.any(String) })
    operators.baywire.clock.set(Date.parse(moved.body.assigned_at) + 1)
    await say('D1', { occupied: false, seq: 3, boot: 1 })
    expect([await statusOf('A1'), await statusOf('A2')]).toEqual(['occupied', 'free'])
    expect((await city.audit()).map(({ action }) => action)).toEqual([
      'device.created',
      'device.assigned',
      'device.assigned',
    ])
  })

  test('is history that stays, and is added to at its end alone', async () => {
    const id = await idOf('A1')
    const spaceId = await city.spaceId('A2')
    const hourAgo = new Date(Date.now() - 3_600_000).toISOString()
    const twoHoursAgo = new Date(Date.now() - 7_200_000).toISOString()
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
    expect(await assign(id, { space_id: spaceId, at: tomorrow })).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'at' }] },
    })
    expect((await assign(id, { space_id: spaceId, at: hourAgo })).body.assigned_at).toBe(hourAgo)
    const early = await city.ask('POST', `/devices/${id}/unassign`, { body: { at: twoHoursAgo } })
    expect(early).toMatchObject({ status: 409, body: { errors: [{ path: 'at' }] } })
    const taken = await city.ask('POST', `/devices/${id}/unassign`, { body: { at: hourAgo } })
    expect(taken.body).toMatchObject({ space_id: null, space: null, silent: null })
    const { body } = await city.ask('GET', `/devices/${id}/assignments?limit=1`)
    expect(body.items).toMatchObject([{ space: 'main/A2', assigned_at: hourAgo, unassigned_at: hourAgo }])
    const rest = await city.ask('GET', `/devices/${id}/assignments?cursor=${body.next}`)
    expect(rest.body).toMatchObject({
      items: [{ space: 'main/A1', assigned_at: null, unassigned_at: hourAgo }],
      next: null,
    })
    const forged = Buffer.from('assignments:zzz').toString('base64url')
    expect((await city.ask('GET', `/devices/${id}/assignments?cursor=${forged}`)).status).toBe(200)
  })

  test('that was wrong from the beginning is taken back from always on', async () => {
    const id = await idOf('A1')
    const corrected = await assign(id, { space_id: await city.spaceId('A2'), at: null })
    expect(corrected.body).toMatchObject({ space: 'main/A2', assigned_at: null })
    const { body } = await city.ask('GET', `/devices/${id}/assignments`)
    expect(body.items).toMatchObject([{ space: 'main/A2', assigned_at: null, unassigned_at: null }])
    await say('A1', { occupied: true, at: new Date(Date.now() - 3_600_000).toISOString() })
    expect([await statusOf('A1'), await statusOf('A2')]).toEqual(['unknown', 'occupied'])
    expect((await city.ask('POST', `/devices/${id}/unassign`, { body: { at: null } })).body.space).toBeNull()
    const again = await assign(id, { space_id: await city.spaceId('A1') })
    expect(again.body).toMatchObject({ space: 'main/A1', assigned_at: null })
    await city.ask('POST', `/devices/${id}/unassign`, { body: {} })
    expect((await assign(id, { space_id: await city.spaceId('A2'), at: null })).status).toBe(409)
  })

  test('changes nothing where it is so already', async () => {
    const id = await idOf('A1')
    const spaceId = await city.spaceId('A1')
    expect(await assign(id, { space_id: spaceId })).toMatchObject({ status: 200, etag: '"1"' })
    expect(await assign(id.toUpperCase(), { space_id: spaceId.toUpperCase() })).toMatchObject({ etag: '"1"' })
    const taken = await city.ask('POST', `/devices/${id}/unassign`, { body: {} })
    expect(await city.ask('POST', `/devices/${id}/unassign`, { body: {} })).toMatchObject({ body: taken.body })
    expect(await city.audit()).toHaveLength(1)
  })

  test('is one place, however many say so at once, also beside the command', async () => {
    const id = await idOf('A1')
    await city.ask('POST', `/devices/${id}/unassign`, { body: {} })
    const [a1, a2] = await Promise.all([city.spaceId('A1'), city.spaceId('A2')])
    const owner = { kind: 'devices', code: 'A1' } as const
    const command = inTenant(operators.tenants, { slug: city.slug }, (tx) =>
      addSpeaker(tx, owner, { at: { site: 'main', space: 'A1' } }),
    ).catch(() => {})
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => assign(id, { space_id: n % 2 === 0 ? a1 : a2 })),
    )
    await command
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
    const open = await operators.baywire.sql`
      select from device_assignments where tenant_id = ${city.id} and device_id = ${id} and unassigned_at is null`
    expect(open).toHaveLength(1)
  })

  test('may be a space that has another device', async () => {
    const { body } = await make('D1', { space_id: await city.spaceId('A1') })
    const there = await city.ask('GET', `/devices?space_id=${body.space_id}`)
    expect(there.body.items).toHaveLength(2)
  })
})

describe('deleting a device', () => {
  test('is refused while it stands somewhere', async () => {
    const id = await idOf('A1')
    const refused = await city.ask('DELETE', `/devices/${id}`, { ifMatch: '"1"' })
    expect(refused).toMatchObject({ status: 409, body: { type: '/problems/in-use' } })
    expect((await city.ask('DELETE', `/devices/${id}`)).status).toBe(428)
    expect((await city.ask('DELETE', `/devices/${id}`, { ifMatch: '"7"' })).status).toBe(412)
  })

  test('lets its code be that of another one, and leaves the log as it is', async () => {
    const id = await idOf('A1')
    await city.ask('POST', `/devices/${id}/provision`)
    await say('A1', { occupied: true, seq: 7, boot: 1 })
    const { etag } = await city.ask('POST', `/devices/${id}/unassign`, { body: {} })
    expect(await city.ask('DELETE', `/devices/${id}`, { ifMatch: etag })).toMatchObject({ status: 204, text: '' })
    expect((await city.ask('GET', `/devices/${id}`)).status).toBe(404)
    expect((await city.ask('DELETE', `/devices/${id}`, { ifMatch: etag })).status).toBe(404)
    expect(await credentialsInForce('A1')).toBe(0)
    operators.baywire.clock.set(Date.now())
    await say('A1', { occupied: true, seq: 8, boot: 1 })
    expect(await outcomes()).toEqual(['applied', 'unknown_device'])
    const again = await make('A1', { space_id: await city.spaceId('A1') })
    expect(again.body.id).not.toBe(id)
    operators.baywire.clock.advance(60_000)
    await say('A1', { occupied: false, seq: 5, boot: 2 })
    expect(await statusOf('A1')).toBe('free')
    // A late one is put in order among what both of them said: the session begins earlier, and still ends.
    await say('A1', { occupied: true, seq: 4, boot: 2, at: clockAt(-30) })
    expect(await outcomes()).toEqual(['applied', 'unknown_device', 'applied', 'late'])
    const sessions = await operators.baywire.sql`
      select ended_at is not null as ended from parking_sessions where tenant_id = ${city.id}`
    expect(sessions).toEqual([{ ended: true }])
    expect((await city.ask('GET', `/devices/${again.body.id}/assignments`)).body.items).toHaveLength(1)
  })

  test('leaves what it said to itself, where another one has its code and is put elsewhere', async () => {
    const id = await idOf('A1')
    const { etag } = await city.ask('POST', `/devices/${id}/unassign`, { body: {} })
    await operators.baywire.sql`
      update device_assignments set unassigned_at = ${clockAt(-60)} where tenant_id = ${city.id} and device_id = ${id}`
    await say('A1', { occupied: true, seq: 7, boot: 1 })
    await city.ask('DELETE', `/devices/${id}`, { ifMatch: etag })
    const [former] = await operators.baywire.sql<{ archived_at: Date }[]>`
      select archived_at from devices where tenant_id = ${city.id} and id = ${id}`
    const since = former?.archived_at.toISOString()
    const again = await make('A1')
    const spaceId = await city.spaceId('A2')
    const always = await assign(again.body.id, { space_id: spaceId, at: null })
    expect(always).toMatchObject({
      status: 409,
      body: { errors: [{ path: 'at', message: `must be ${since} or later` }] },
    })
    expect((await assign(again.body.id, { space_id: spaceId })).body).toMatchObject({ assigned_at: since })
    expect(await redriveUnassigned()).toMatchObject({ readings: new Map([['unassigned', 1]]) })
    operators.baywire.clock.set(Date.now())
    await say('A1', { occupied: true, seq: 6, boot: 1, at: clockAt(-30) })
    expect([...(await outcomes()), await statusOf('A2')]).toEqual(['unassigned', 'unassigned', 'unknown'])
    // What was wrong from the beginning begins there again.
    await city.ask('POST', `/devices/${again.body.id}/unassign`, { body: { at: since } })
    expect((await assign(again.body.id, { space_id: await city.spaceId('A1') })).body.assigned_at).toBe(since)
  })

  test('is seen by the commands too', async () => {
    const id = await idOf('A1')
    await city.ask('POST', `/devices/${id}/provision`)
    const { etag } = await city.ask('POST', `/devices/${id}/unassign`, { body: {} })
    await city.ask('DELETE', `/devices/${id}`, { ifMatch: etag })
    const owner = { kind: 'devices', code: 'A1' } as const
    const listed = () => inTenant(operators.tenants, { slug: city.slug }, (tx) => listSpeakers(tx, owner))
    expect(await listed()).toEqual([])
    const at = { site: 'main', space: 'A2' }
    await inTenant(operators.tenants, { slug: city.slug }, (tx) => addSpeaker(tx, owner, { at }))
    expect(await listed()).toMatchObject([{ code: 'A1', space: 'main/A2', credential_revoked_at: null }])
    expect(await idOf('A1')).not.toBe(id)
  })

  test('leaves nothing of one that never stood anywhere', async () => {
    const { body, etag } = await make('D1', { provision: true })
    expect((await city.ask('DELETE', `/devices/${body.id}`, { ifMatch: etag })).status).toBe(204)
    const rows = await operators.baywire.sql`select from devices where tenant_id = ${city.id} and code = 'D1'`
    expect(rows).toHaveLength(0)
    expect(await credentialsInForce('D1')).toBe(0)
  })

  test('is done once by those who do it at once, and not while it is put somewhere', async () => {
    const { body } = await make('D1')
    const spaceId = await city.spaceId('A1')
    const answers = await Promise.all([
      ...Array.from({ length: 4 }, () => city.ask('DELETE', `/devices/${body.id}`, { ifMatch: '"1"' })),
      city.ask('POST', `/devices/${body.id}/assign`, { body: { space_id: spaceId } }),
    ])
    const assigned = answers.at(-1)?.status === 200
    const deleted = answers.slice(0, 4).map(({ status }) => status)
    expect(deleted.toSorted(ascending)).toEqual(assigned ? Array(4).fill(412) : [204, 404, 404, 404])
  })
})

describe('credentials of a device', () => {
  test('are one however many ask for them at once', async () => {
    const id = await idOf('A1')
    const first = await Promise.all(Array.from({ length: 6 }, () => city.ask('POST', `/devices/${id}/provision`)))
    expect(first.map(({ status }) => status).toSorted(ascending)).toEqual([201, ...Array(5).fill(409)])
    const rotated = await Promise.all(Array.from({ length: 6 }, () => city.ask('POST', `/devices/${id}/rotate`)))
    expect(rotated.map(({ status }) => status)).toEqual(Array(6).fill(200))
    expect(await credentialsInForce('A1')).toBe(1)
    const username = `${city.slug}/devices/A1`
    const secrets = rotated.map(({ body }) => body.credentials.secret as string)
    const known = await Promise.all(
      secrets.map((secret) => identify(operators.baywire.system, { username, secret: Buffer.from(secret) })),
    )
    expect(known.filter(Boolean)).toHaveLength(1)
    const revoked = await city.ask('POST', `/devices/${id}/revoke`)
    expect(revoked).toMatchObject({ status: 200, body: { credential_since: null } })
    expect((await city.ask('POST', `/devices/${id}/revoke`)).status).toBe(200)
    expect((await city.ask('POST', `/devices/${id}/rotate`)).status).toBe(409)
    const actions = (await city.audit()).map(({ action }) => action)
    expect(actions).toEqual([
      'device.provisioned',
      ...Array(6).fill('device.secret_rotated'),
      'device.credential_revoked',
    ])
    const written = JSON.stringify(await operators.baywire.sql`select * from audit_log where tenant_id = ${city.id}`)
    expect(secrets.filter((secret) => written.includes(secret))).toEqual([])
  })

  test('open the broker, until they are revoked', async () => {
    const { baywire } = operators
    const log = pino({ level: 'silent' })
    const broker = await startBroker({
      host: '127.0.0.1',
      port: 0,
      receiver: baywire.ingest,
      authenticate: (username, secret) => identify(baywire.system, { username, secret }),
      clock: systemClock,
      log,
    })
    baywire.ingest.attach(broker)
    const watch = new CredentialWatch({ database: baywire.system, broker, pollMs: 50, log })
    watch.start()
    const client = await RawClient.connect(broker.port)
    try {
      const { body } = await make('D1', { space_id: await city.spaceId('A1'), provision: true })
      client.send(connectPacket(body.credentials))
      expect([...(await client.receive(4))]).toEqual([0x20, 2, 0, 0])
      client.send(publishPacket({ topic: city.topic('D1'), payload: '{"occupied":true}' }))
      await client.receive(8)
      expect(await statusOf('A1')).toBe('occupied')
      await city.ask('POST', `/devices/${body.id}/revoke`)
      await client.closed()
    } finally {
      client.destroy()
      await watch.stop()
      await broker.close()
    }
  })
})
