import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { addOrphans } from '../../src/store/books.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

let baywire: TestIngest
let number = 0

/** A tenant of the test's own, with one device A1 at space main/A1 unless more are named. */
async function newTenant(devices: readonly string[] = ['A1']) {
  const slug = `tenant-${++number}`
  const id = await baywire.tenant(slug, devices)
  return {
    id,
    reading: (device: string) => `parking/v1/${slug}/devices/${device}/reading`,
    gateway: `parking/v1/${slug}/gateways/gw-1/readings`,
    status: (device: string) => `parking/v1/${slug}/devices/${device}/status`,
    outcomes: async () => {
      const rows = await baywire.sql<{ outcome: string }[]>`
        SELECT outcome FROM readings WHERE tenant_id = ${id} ORDER BY received_at, id, part`
      return rows.map((row) => row.outcome)
    },
    state: async (space = 'A1') => {
      const [row] = await baywire.sql`
        SELECT s.status, s.occupancy, s.stale, s.since, s.observed_at, s.input_seq FROM space_states s
        JOIN spaces p ON p.tenant_id = s.tenant_id AND p.id = s.space_id WHERE s.tenant_id = ${id} AND p.code = ${space}`
      return row
    },
    events: async () =>
      await baywire.sql`
        SELECT kind, rule, event_time FROM space_events WHERE tenant_id = ${id} ORDER BY position`,
    sessions: async () =>
      await baywire.sql`
        SELECT started_at, ended_at, uncertain FROM parking_sessions WHERE tenant_id = ${id} ORDER BY started_at`,
  }
}

const at = (offsetS: number) => new Date(baywire.clock.now() + offsetS * 1000).toISOString()
const date = (offsetS: number) => new Date(baywire.clock.now() + offsetS * 1000)

beforeAll(async () => {
  baywire = await startTestIngest()
})
afterEach(() => baywire.expectSound())
afterAll(() => baywire.close())

describe('a reading becomes the state of a space', () => {
  test('the first reading is applied, the same again unchanged, another one a change', async () => {
    const tenant = await newTenant()
    await baywire.deliver(tenant.reading('A1'), { occupied: true, at: at(-60), seq: 1, boot: 1 })
    await baywire.deliver(tenant.reading('A1'), { occupied: true, at: at(-50), seq: 2, boot: 1 })
    await baywire.deliver(tenant.reading('A1'), { occupied: false, at: at(-40), seq: 3, boot: 1 })
    expect(await tenant.outcomes()).toEqual(['applied', 'unchanged', 'applied'])
    expect(await tenant.state()).toMatchObject({ status: 'free', occupancy: 'vacant', since: date(-40), input_seq: 3 })
    expect(await tenant.events()).toMatchObject([
      { kind: 'occupied', event_time: date(-60) },
      { kind: 'vacated', event_time: date(-40) },
    ])
    expect(await tenant.sessions()).toEqual([{ started_at: date(-60), ended_at: date(-40), uncertain: false }])
  })

  test('many messages in one turn make one batch, in order', async () => {
    const tenant = await newTenant(['A1', 'A2'])
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        baywire.deliver(tenant.reading(n % 2 ? 'A1' : 'A2'), {
          occupied: n % 3 === 0,
          at: at(n - 300),
          seq: n,
          boot: 1,
        }),
      ),
    )
    expect(new Set(answers)).toEqual(new Set(['acknowledged']))
    expect(await tenant.state('A1')).toMatchObject({ status: 'free', input_seq: 100 })
    expect((await tenant.outcomes()).filter((outcome) => outcome === 'duplicate')).toEqual([])
  })
})

describe('the nine outcomes', () => {
  test('each message of a batch is logged with its own payload, whatever is in it', async () => {
    const tenant = await newTenant()
    const payloads = [
      '{"occupied": true}',
      '',
      '\u0000\\x"{},',
      `{"occupied": false, "name": "Ärger ${'x'.repeat(3000)}"}`,
      'no JSON',
    ]
    await Promise.all(payloads.map((payload) => baywire.deliver(tenant.reading('A1'), Buffer.from(payload))))
    const rows = await baywire.sql<{ payload: Buffer }[]>`
      SELECT payload FROM readings WHERE tenant_id = ${tenant.id} ORDER BY received_at, id, part`
    expect(rows.map(({ payload }) => payload.toString())).toEqual(payloads)
  })

  test('a gateway batch gives each reading its own', async () => {
    const tenant = await newTenant(['A1', 'A2'])
    await baywire.sql`
      INSERT INTO devices (tenant_id, id, code) VALUES (${tenant.id}, gen_random_uuid(), 'nowhere')`
    await baywire.deliver(tenant.gateway, {
      readings: [
        { device: 'A1', occupied: true, at: at(-60), seq: 2, boot: 1 },
        { device: 'A1', occupied: true, at: at(-60), seq: 2, boot: 1 },
        { device: 'A1', occupied: false, at: at(-70), seq: 1, boot: 1 },
        { device: 'A1', occupied: 'yes', at: at(-60), seq: 3 },
        { device: 'stranger', occupied: true },
        { device: 'nowhere', occupied: true },
        { device: 'A1', occupied: true, at: at(-30), seq: 3, boot: 1 },
        'not an object',
        { device: 'A2', occupied: false },
      ],
    })
    expect(await tenant.outcomes()).toEqual([
      'applied',
      'duplicate',
      'late',
      'malformed',
      'unknown_device',
      'unassigned',
      'unchanged',
      'malformed',
      'applied',
    ])
    const orphans = await baywire.sql`SELECT device, heard FROM orphan_devices WHERE tenant_id = ${tenant.id}`
    expect(orphans).toEqual([{ device: 'stranger', heard: 1 }])
    const [stored] = await baywire.sql`
      SELECT count(payload)::int AS payloads, count(*)::int AS rows FROM readings WHERE tenant_id = ${tenant.id}`
    expect(stored).toEqual({ payloads: 1, rows: 9 })
  })

  test('a gateway batch of devices that nobody knows is one statement, and little is kept of it', async () => {
    const tenant = await newTenant()
    const strangers = Array.from({ length: 500 }, (_, n) => `stranger-${n}`)
    const filler = 'x'.repeat(30_000)
    const message = JSON.stringify({ filler, readings: strangers.map((device) => ({ device, occupied: true })) })
    await Promise.all([
      baywire.deliver(tenant.gateway, message),
      baywire.deliver(tenant.gateway, message),
      baywire.deliver(tenant.gateway, { readings: [{ device: 'stranger-7', occupied: true }] }),
    ])
    const [stored] = await baywire.sql`
      SELECT count(*)::int AS orphans, sum(heard)::int AS heard, count(DISTINCT cmin::text)::int AS statements,
        sum(length(sample_payload))::int < 500 * 300 AS little
      FROM orphan_devices WHERE tenant_id = ${tenant.id}`
    expect(stored).toEqual({ orphans: 500, heard: 1001, statements: 1, little: true })
    const samples = await baywire.sql<{ device: string; sample: string }[]>`
      SELECT device, convert_from(substr(sample_payload, 1, 24), 'UTF8') AS sample FROM orphan_devices
      WHERE tenant_id = ${tenant.id} AND device IN ('stranger-6', 'stranger-7') ORDER BY device`
    expect(samples).toEqual([
      { device: 'stranger-6', sample: message.slice(0, 24) },
      { device: 'stranger-7', sample: '{"readings":[{"device":"' },
    ])
  })

  test('the same strangers heard by several at once, in any order, are each counted', async () => {
    const tenant = await newTenant()
    const heard = Array.from({ length: 300 }, (_, n) => ({
      tenantId: tenant.id,
      device: `stranger-${n}`,
      heardAt: baywire.clock.now(),
      heard: 1,
      topic: tenant.gateway,
      payload: Buffer.from('{}'),
    }))
    const add = (orphans: typeof heard) => baywire.system.withSystem((tx) => addOrphans(tx, orphans))
    await Promise.all(Array.from({ length: 20 }, (_, n) => add(n % 2 === 0 ? heard : heard.toReversed())))
    const [stored] = await baywire.sql`
      SELECT min(heard)::int AS least, max(heard)::int AS most FROM orphan_devices WHERE tenant_id = ${tenant.id}`
    expect(stored).toEqual({ least: 20, most: 20 })
  })

  test('retained stands before unassigned and duplicate, and behind unknown device', async () => {
    const tenant = await newTenant()
    await baywire.deliver(tenant.reading('A1'), { occupied: true, seq: 1, boot: 1 }, { retained: true })
    await baywire.deliver(tenant.reading('ghost'), { occupied: true, seq: 1, boot: 1 }, { retained: true })
    await baywire.deliver(tenant.reading('A1'), '{', { retained: true })
    expect(await tenant.outcomes()).toEqual(['retained', 'unknown_device', 'malformed'])
    expect(await tenant.state()).toMatchObject({ status: 'unknown', input_seq: 0 })
    // It never reached step, so the same reading live is no duplicate.
    await baywire.deliver(tenant.reading('A1'), { occupied: true, seq: 1, boot: 1 })
    expect((await tenant.outcomes()).at(-1)).toBe('applied')
  })

  test('debouncing until it is confirmed', async () => {
    const tenant = await newTenant()
    await baywire.sql`
      INSERT INTO policies (tenant_id, version, scope, fields)
      VALUES (${tenant.id}, 1, 'tenant', '{"debounce": {"readings": 2, "hold_s": 30}}')`
    await baywire.sql`UPDATE tenants SET policy_version = 1 WHERE id = ${tenant.id}`
    await baywire.deliver(tenant.reading('A1'), { occupied: true, at: at(-60), seq: 1, boot: 1 })
    expect(await tenant.state()).toMatchObject({ status: 'unknown' })
    await baywire.deliver(tenant.reading('A1'), { occupied: true, at: at(-50), seq: 2, boot: 1 })
    expect(await tenant.outcomes()).toEqual(['debouncing', 'applied'])
    expect(await tenant.state()).toMatchObject({ status: 'occupied', since: date(-60) })
    expect(await tenant.sessions()).toEqual([{ started_at: date(-60), ended_at: null, uncertain: false }])
  })
})

describe('twice, late, out of order, in parallel', () => {
  test('a shuffled and repeated log ends like the log in order, sessions included', async () => {
    const [clean, shuffled] = [await newTenant(), await newTenant()]
    const log = Array.from({ length: 60 }, (_, n) => ({
      occupied: n % 4 < 2,
      at: at(n * 10 - 4000),
      seq: n + 1,
      boot: 1,
    }))
    for (const reading of log) await baywire.deliver(clean.reading('A1'), reading)
    const mixed = [...log, ...log]
      .map((reading, n) => ({ reading, key: (n * 7919) % 120 }))
      .toSorted((a, b) => a.key - b.key)
    for (const { reading } of mixed) await baywire.deliver(shuffled.reading('A1'), reading)
    const { status, occupancy, observed_at } = (await clean.state()) ?? {}
    expect(await shuffled.state()).toMatchObject({ status, occupancy, observed_at })
    expect(await shuffled.sessions()).toEqual(await clean.sessions())
    expect((await shuffled.outcomes()).filter((outcome) => outcome === 'duplicate')).toHaveLength(60)
  })

  test('a reading without time and counter is taken again, unless it is marked as sent again', async () => {
    const tenant = await newTenant()
    await baywire.deliver(tenant.reading('A1'), { occupied: true })
    baywire.clock.advance(5)
    await baywire.deliver(tenant.reading('A1'), { occupied: true }, { duplicate: true })
    baywire.clock.advance(5)
    await baywire.deliver(tenant.reading('A1'), { occupied: true })
    baywire.clock.advance(5)
    await baywire.deliver(tenant.reading('A1'), { occupied: false }, { duplicate: true })
    expect(await tenant.outcomes()).toEqual(['applied', 'duplicate', 'unchanged', 'applied'])
  })

  test('a clock far ahead, one that runs backwards, one from 1970', async () => {
    const tenant = await newTenant()
    await baywire.deliver(tenant.reading('A1'), { occupied: true, at: 1, seq: 1, boot: 1 })
    await baywire.deliver(tenant.reading('A1'), { occupied: false, at: at(86_400 * 700), seq: 2, boot: 1 })
    baywire.clock.advance(1000)
    await baywire.deliver(tenant.reading('A1'), { occupied: true, at: at(-500), seq: 3, boot: 1 })
    const rows = await baywire.sql`
      SELECT outcome, clock FROM readings WHERE tenant_id = ${tenant.id} ORDER BY received_at, id`
    expect(rows).toEqual([
      { outcome: 'applied', clock: 'device' },
      { outcome: 'applied', clock: 'ahead' },
      { outcome: 'applied', clock: 'backwards' },
    ])
    expect(await tenant.state()).toMatchObject({ status: 'occupied', observed_at: date(0) })
  })

  test('a reading belongs to the space at which its device stood when it measured', async () => {
    const tenant = await newTenant(['A1', 'A2'])
    await baywire.sql`
      UPDATE device_assignments a SET unassigned_at = ${date(-100)} FROM devices d
      WHERE d.tenant_id = a.tenant_id AND d.id = a.device_id AND d.code = 'A1' AND a.tenant_id = ${tenant.id}`
    await baywire.sql`
      INSERT INTO device_assignments (tenant_id, id, device_id, space_id, assigned_at)
      SELECT d.tenant_id, gen_random_uuid(), d.id, p.id, ${date(-100)} FROM devices d JOIN spaces p ON p.tenant_id = d.tenant_id
      WHERE d.tenant_id = ${tenant.id} AND d.code = 'A1' AND p.code = 'A2'`
    await baywire.deliver(tenant.reading('A1'), { occupied: true, at: at(-50), seq: 2, boot: 1 })
    await baywire.deliver(tenant.reading('A1'), { occupied: true, at: at(-150), seq: 1, boot: 1 })
    // Its clock was set back over the move: the reading was made where the device stands now.
    await baywire.deliver(tenant.reading('A1'), { occupied: false, at: at(-120), seq: 3, boot: 1 })
    expect(await tenant.state('A1')).toMatchObject({ status: 'occupied', observed_at: date(-150) })
    expect(await tenant.state('A2')).toMatchObject({ status: 'free', observed_at: date(0) })
  })

  test('a device is known from the moment it is made, and moved from the moment it is moved', async () => {
    const tenant = await newTenant(['A1', 'A2'])
    await baywire.deliver(tenant.reading('B1'), { occupied: true, seq: 1, boot: 1 })
    await baywire.sql`INSERT INTO devices (tenant_id, id, code) VALUES (${tenant.id}, gen_random_uuid(), 'B1')`
    await baywire.deliver(tenant.reading('B1'), { occupied: true, seq: 1, boot: 1 })
    const standAt = (space: string) => baywire.sql`
      INSERT INTO device_assignments (tenant_id, id, device_id, space_id, assigned_at)
      SELECT d.tenant_id, gen_random_uuid(), d.id, p.id, '-infinity' FROM devices d JOIN spaces p ON p.tenant_id = d.tenant_id
      WHERE d.tenant_id = ${tenant.id} AND d.code = 'B1' AND p.code = ${space}`
    await standAt('A1')
    await baywire.deliver(tenant.reading('B1'), { occupied: true, seq: 1, boot: 1 })
    await baywire.sql`
      UPDATE device_assignments a SET unassigned_at = assigned_at FROM devices d
      WHERE d.tenant_id = a.tenant_id AND d.id = a.device_id AND d.code = 'B1' AND a.tenant_id = ${tenant.id}`
    await standAt('A2')
    await baywire.deliver(tenant.reading('B1'), { occupied: false, seq: 2, boot: 1 })
    expect(await tenant.outcomes()).toEqual(['unknown_device', 'unassigned', 'applied', 'applied'])
    expect(await tenant.state('A2')).toMatchObject({ status: 'free' })
  })

  test('an unknown tenant is refused and counted, and holds up nobody', async () => {
    const tenant = await newTenant()
    const answers = await Promise.all([
      baywire.deliver('parking/v1/nobody/devices/A1/reading', { occupied: true }),
      baywire.deliver(tenant.reading('A1'), { occupied: true, seq: 1, boot: 1 }),
      baywire.deliver('something/else', { occupied: true }),
      baywire.deliver(tenant.status('A1'), 'online'),
      baywire.deliver(tenant.status('A1'), 'sleeping'),
    ])
    expect(answers).toEqual(Array.from({ length: 5 }, () => 'acknowledged'))
    expect(await tenant.outcomes()).toEqual(['applied'])
    const refused = await baywire.metrics.refused.get()
    expect(refused.values.map(({ labels, value }) => [labels.reason, value])).toEqual(
      expect.arrayContaining([
        ['unknown_tenant', 1],
        ['unknown_topic', 1],
        ['malformed_presence', 1],
      ]),
    )
    const [device] = await baywire.sql`SELECT presence FROM devices WHERE tenant_id = ${tenant.id}`
    expect(device).toEqual({ presence: 'online' })
  })
})
