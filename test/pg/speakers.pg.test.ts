import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { auditEntries } from '../../src/store/audit.ts'
import { inTenant, provision } from '../../src/store/provision.ts'
import { listSpeakers, type ListedSpeaker } from '../../src/store/speaker-list.ts'
import { addSpeaker, limitGateway, revokeSpeaker, rotateSpeaker } from '../../src/store/speakers.ts'
import { tenantDatabase, type TenantDatabase, type TenantTransaction } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

let baywire: TestIngest
let tenants: TenantDatabase

beforeAll(async () => {
  baywire = await startTestIngest()
  tenants = tenantDatabase({ url: baywire.ownerUrl, max: 4, statementTimeoutMs: 20_000, name: 'test api' })
  for (const slug of ['city', 'other']) {
    // oxlint-disable-next-line no-await-in-loop -- two
    await baywire.tenant(slug, ['A1', 'A2'])
  }
})
afterAll(async () => {
  await baywire.expectSound()
  await tenants.close()
  await baywire.close()
})

function inCity<T>(work: (tx: TenantTransaction) => Promise<T>, slug = 'city'): Promise<T> {
  return inTenant(tenants, { slug }, work)
}

async function listed(code: string, slug = 'city'): Promise<ListedSpeaker[]> {
  return await inCity((tx) => listSpeakers(tx, { code }), slug)
}

const one = { kind: 'devices', code: 'D1' } as const

describe('adding', () => {
  test('makes the device, where it stands, and one credential, however many add it at once', async () => {
    const at = { site: 'main', space: 'A1' }
    await baywire.sql`update device_assignments set unassigned_at = now() where unassigned_at is null
      and space_id in (select id from spaces where code = 'A1' and tenant_id = (select id from tenants where slug = 'city'))`
    const attempts = await Promise.allSettled([1, 2, 3].map(() => inCity((tx) => addSpeaker(tx, one, { at }))))
    expect(attempts.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(await listed('D1')).toMatchObject([{ kind: 'devices', space: 'main/A1', credential_revoked_at: null }])
  })

  test('of what is refused leaves nothing behind', async () => {
    const ghost = { kind: 'devices', code: 'ghost' } as const
    const place = { site: 'main', space: 'nowhere' }
    await expect(inCity((tx) => addSpeaker(tx, ghost, { at: place }))).rejects.toThrow('no space "nowhere"')
    const standing = { kind: 'devices', code: 'A2' } as const
    const elsewhere = { site: 'main', space: 'A1' }
    await expect(inCity((tx) => addSpeaker(tx, standing, { at: elsewhere }))).rejects.toThrow('stands at main/A2')
    expect(await listed('ghost')).toEqual([])
    expect(await listed('A2')).toMatchObject([{ space: 'main/A2', credential_since: null }])
  })

  test('after revoking gives a new credential, and its history says what happened', async () => {
    const gone = { kind: 'apps', code: 'board' } as const
    const first = await inCity((tx) => addSpeaker(tx, gone, {}))
    await inCity((tx) => revokeSpeaker(tx, gone))
    expect(await listed('board')).toMatchObject([{ credential_revoked_at: expect.any(String) }])
    await expect(inCity((tx) => rotateSpeaker(tx, gone))).rejects.toThrow('no credential in force')
    expect(await inCity((tx) => addSpeaker(tx, gone, {}))).not.toBe(first)
    expect(await listed('board')).toMatchObject([{ kind: 'apps', credential_revoked_at: null }])
  })
})

const inAudited = <T>(work: (tx: TenantTransaction) => Promise<T>) => inCity(work, 'audited')

describe('the audit log', () => {
  test('has each of them, by the command, as the API calls it; nothing of what is refused, and no secret', async () => {
    const [device, gateway, app] = [
      { kind: 'devices', code: 'audited' },
      { kind: 'gateways', code: 'audited-gateway' },
      { kind: 'apps', code: 'audited-app' },
    ] as const
    const id = await baywire.tenant('audited', ['A1'])
    const secrets = [
      await inAudited((tx) => addSpeaker(tx, device, {})),
      await inAudited((tx) => addSpeaker(tx, gateway, { limits: { inFlight: 5 } })),
      await inAudited((tx) => addSpeaker(tx, app, {})),
      await inAudited((tx) => rotateSpeaker(tx, device)),
    ]
    await inAudited((tx) => revokeSpeaker(tx, app))
    await inAudited((tx) => limitGateway(tx, gateway.code, { messagesPerS: 500, inFlight: null }))
    const at = { site: 'main', space: 'A1' }
    await inAudited((tx) => addSpeaker(tx, { kind: 'devices', code: 'A1' }, { at }))
    await expect(inAudited((tx) => addSpeaker(tx, device, {}))).rejects.toThrow('has a credential')
    await expect(inAudited((tx) => revokeSpeaker(tx, app))).rejects.toThrow('no credential')
    await expect(inAudited((tx) => limitGateway(tx, 'nobody', { inFlight: 1 }))).rejects.toThrow('no gateway')

    const entries = await inAudited((tx) => auditEntries(tx, { filter: {}, before: undefined, limit: 100 }))
    const told = entries.toReversed().map(({ action, detail }) => [action, detail])
    expect(told).toEqual([
      ['device.provisioned', { code: 'audited', created: true }],
      ['gateway.provisioned', { code: 'audited-gateway', created: true, in_flight: 5 }],
      ['app.provisioned', { code: 'audited-app' }],
      ['device.secret_rotated', { code: 'audited' }],
      ['app.credential_revoked', { code: 'audited-app' }],
      [
        'gateway.changed',
        { code: 'audited-gateway', fields: ['messages_per_s', 'in_flight'], messages_per_s: 500, in_flight: null },
      ],
      ['device.provisioned', { code: 'A1', created: false, space: 'main/A1' }],
    ])
    expect(new Set(entries.map(({ actorKind, actorId }) => `${actorKind}:${actorId}`))).toEqual(
      new Set(['command:baywire device']),
    )
    const rows = await baywire.sql<{ id: string }[]>`
      select id from devices where tenant_id = ${id} and code = 'audited'
      union all select id from gateways where tenant_id = ${id} and code = 'audited-gateway'`
    const targets = entries.map(({ targetKind, targetId }) => `${targetKind}:${targetId}`)
    expect(targets).toEqual(
      expect.arrayContaining([`device:${rows[0]?.id}`, `gateway:${rows[1]?.id}`, 'app:audited-app']),
    )
    for (const secret of secrets) expect(JSON.stringify(entries)).not.toContain(secret)
  })
})

async function limits(): Promise<unknown> {
  const [gateway] = await listed('gw-1')
  return [gateway?.messages_per_s, gateway?.in_flight]
}

describe('limits of a gateway', () => {
  test('are set one by one, and taken back', async () => {
    await inCity((tx) => limitGateway(tx, 'gw-1', { messagesPerS: 500, inFlight: 7 }))
    expect(await limits()).toEqual([500, 7])
    await inCity((tx) => limitGateway(tx, 'gw-1', { inFlight: null }))
    expect(await limits()).toEqual([500, null])
    await inCity((tx) => limitGateway(tx, 'gw-1', { messagesPerS: 600, inFlight: null }))
    expect(await limits()).toEqual([600, null])
    await inCity((tx) => limitGateway(tx, 'gw-1', { messagesPerS: null, inFlight: 1 }))
    expect(await limits()).toEqual([null, 1])
    expect(await listed('gw-1', 'other')).toMatchObject([{ messages_per_s: null, in_flight: null }])
  })

  test('that make no sense are refused by the database', async () => {
    await expect(inCity((tx) => limitGateway(tx, 'gw-1', { inFlight: 0 }))).rejects.toThrow()
  })
})

describe('listing', () => {
  test('says when a device was heard, by its readings and its status', async () => {
    await baywire.deliver('parking/v1/other/devices/A1/reading', { occupied: true, seq: 1, boot: 1 })
    await baywire.deliver('parking/v1/other/devices/A2/status', 'online')
    const at = new Date(baywire.clock.now()).toISOString()
    const items = await inCity((tx) => listSpeakers(tx), 'other')
    expect(items).toMatchObject([
      { kind: 'devices', code: 'A1', space: 'main/A1', presence: null, last_heard_at: at },
      { kind: 'devices', code: 'A2', presence: 'online', last_heard_at: at },
      { kind: 'gateways', code: 'gw-1', space: null, last_heard_at: null },
    ])
  })

  test('shows a tenant its own alone', async () => {
    expect(await listed('D1', 'other')).toEqual([])
    expect(await tenants.withTenant(newId(), (tx) => listSpeakers(tx))).toEqual([])
  })

  test('of a kind and a code names one', async () => {
    await inCity((tx) => provision(tx, { gateways: ['D1'] }))
    const items = await inCity((tx) => listSpeakers(tx, { kind: 'gateways', code: 'D1' }))
    expect(items).toMatchObject([{ kind: 'gateways', code: 'D1', credential_since: null }])
  })
})
