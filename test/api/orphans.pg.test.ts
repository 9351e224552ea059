import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { redriveDeadLetters } from '../../src/ingest/redrive-run.ts'
import { sweepLeftovers, sweepOrphans } from '../../src/jobs/leftovers.ts'
import { addOrphans } from '../../src/store/books.ts'
import { DeviceDirectory } from '../../src/store/device-directory.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { mostOrphans } from '../../src/store/orphans.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { identify } from '../../src/ingest/credentials.ts'
import { ascending, startOperators, type OperatedTenant, type Operators } from './operator.ts'

let operators: Operators
let city: OperatedTenant

beforeAll(async () => {
  operators = await startOperators()
})
beforeEach(async () => {
  city = await operators.tenant(['A1'])
})
afterEach(() => operators.baywire.expectSound())
afterAll(() => operators.close())

const say = (device: string, payload: unknown = { occupied: true }) =>
  operators.baywire.deliver(city.topic(device), payload)
const claim = (device: string, body: object = {}) => city.ask('POST', `/orphans/${device}/claim`, { body })

async function orphans(query = ''): Promise<string[]> {
  const { body } = await city.ask('GET', `/orphans${query}`)
  return body.items.map(({ device }: { device: string }) => device)
}

describe('the orphan inbox', () => {
  test('has what was heard of devices that nobody knows', async () => {
    await say('ghost', '{"occupied": true, "name": "Ünï"}')
    await say('ghost', '{"occupied": false,\n "name": "Ünï"}')
    const { body } = await city.ask('GET', '/orphans', { role: 'viewer' })
    const at = new Date(operators.baywire.clock.now()).toISOString()
    const text = '{"occupied": false,\n "name": "Ünï"}'
    const bytes = Buffer.from(text)
    expect(body).toEqual({
      items: [
        {
          device: 'ghost',
          first_heard_at: at,
          last_heard_at: at,
          heard: 2,
          ignored_at: null,
          sample: { topic: city.topic('ghost'), bytes: bytes.length, text, hex: bytes.toString('hex') },
        },
      ],
      next: null,
    })
    const other = await operators.tenant()
    expect((await other.ask('GET', '/orphans')).body.items).toEqual([])
    expect((await city.ask('GET', '/orphans', { role: 'driver' })).status).toBe(403)
  })

  test('shows 256 bytes of a sample, as text where that can be printed', async () => {
    // One byte off, so that the cut is within a character.
    const long = `{"occupied": true, "x":"${'ä'.repeat(500)}"}`
    await say('long', long)
    await say('marked', '{"occupied": true, "x": "\u202e"}')
    const { body } = await city.ask('GET', '/orphans')
    const [first, second] = body.items
    expect(first.sample).toMatchObject({ bytes: Buffer.byteLength(long) })
    expect(first.sample.hex).toHaveLength(512)
    expect(long.startsWith(first.sample.text)).toBe(true)
    expect(second.sample.text).toBeNull()
  })

  test('goes page by page', async () => {
    for (const device of ['g1', 'g2', 'h1']) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await say(device)
    }
    const { body } = await city.ask('GET', '/orphans?limit=2')
    expect(body.items).toHaveLength(2)
    expect(await orphans(`?cursor=${body.next}`)).toEqual(['h1'])
    expect(await orphans('?code_prefix=g')).toEqual(['g1', 'g2'])
  })
})

/** `g1` was heard first, and so on. */
async function hear(tenant: OperatedTenant, count: number) {
  await operators.baywire.sql`
    insert into orphan_devices (tenant_id, device, first_heard_at, last_heard_at, heard, sample_topic, sample_payload)
    select ${tenant.id}, 'g' || n, now() - interval '1 day', now() - interval '1 day' + n * interval '1 s', 1, 'x', ''
    from generate_series(1, ${count}::integer) as n`
}
const jobContext = () => ({ database: operators.baywire.system, signal: new AbortController().signal })
const sweep = (atATime: number) => sweepOrphans(jobContext(), { most: 3, atATime })

describe('orphans that are too many', () => {
  test('go, those first that were heard of longest ago; ignored ones and those of others stay', async () => {
    const other = await operators.tenant()
    await hear(city, 8)
    await hear(other, 3)
    await city.ask('POST', '/orphans/g1/ignore')
    await city.ask('POST', '/orphans/g8/ignore')
    await operators.baywire.deliver(city.topic('g2'), { occupied: true })
    expect(await sweep(2)).toBe(3)
    expect(await orphans()).toEqual(['g2', 'g6', 'g7'])
    expect(await orphans('?ignored=true')).toEqual(['g1', 'g8'])
    expect((await other.ask('GET', '/orphans')).body.items).toHaveLength(3)
    expect(await sweep(2)).toBe(0)
  })

  test('stay for a while where somebody has them in hand', async () => {
    await hear(city, 5)
    await operators.baywire.sql.begin(async (tx) => {
      await tx`select from orphan_devices where tenant_id = ${city.id} and device in ('g1', 'g5') for update`
      expect(await sweep(10)).toBe(2)
    })
    expect(await orphans()).toEqual(['g1', 'g4', 'g5'])
  })

  test('are found by a job', async () => {
    await hear(city, mostOrphans + 2)
    expect(await sweepLeftovers(jobContext())).toMatchObject({ result: 'succeeded', detail: { orphans: 2 } })
    expect(await orphans('?code_prefix=g1&limit=2')).toEqual(['g10', 'g100'])
    await operators.baywire.sql`delete from orphan_devices where tenant_id = ${city.id}`
  })
})

describe('claiming', () => {
  test('makes the device, and what it says from then on counts', async () => {
    await say('ghost')
    const spaceId = await city.spaceId('A1')
    const { status, body, headers, etag } = await claim('ghost', { space_id: spaceId, name: 'Found', provision: true })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      code: 'ghost',
      name: 'Found',
      space: 'main/A1',
      assigned_at: null,
      redrive: `baywire dlq redrive --tenant=${city.slug} --device=ghost --outcome unknown_device --execute`,
    })
    expect(headers.get('Location')).toBe(`/api/v1/devices/${body.id}`)
    expect((await city.ask('GET', `/devices/${body.id}`)).etag).toBe(etag)
    const { username, secret } = body.credentials
    const identity = await identify(operators.baywire.system, { username, secret: Buffer.from(secret) })
    expect(identity).toBeDefined()
    expect(await orphans()).toEqual([])
    await say('ghost')
    const rows = await operators.baywire.sql`
      select outcome from readings where tenant_id = ${city.id} order by received_at, id`
    expect(rows.map(({ outcome }) => outcome as unknown)).toEqual(['unknown_device', 'applied'])
    expect(await city.audit()).toMatchObject([
      { action: 'device.claimed', detail: { code: 'ghost', space_id: spaceId, provisioned: true } },
    ])
  })

  test('lets what was said before take effect, when it is redriven', async () => {
    const { system, clock } = operators.baywire
    await say('ghost', { occupied: true, at: new Date(clock.now() - 3_600_000).toISOString() })
    await claim('ghost', { space_id: await city.spaceId('A1') })
    const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
    const report = await redriveDeadLetters(
      { database: system, memory, directory: new DeviceDirectory(), clock, by: 'test' },
      {
        filter: { tenantId: city.id, device: 'ghost', outcomes: ['unknown_device'] },
        execute: true,
        force: false,
        mostAttempts: 5,
        mostReadingsAtATime: 100,
        onProgress: () => {},
      },
    )
    expect(report).toMatchObject({ settled: 1, failed: 0 })
    const { body } = await city.ask('GET', '/dashboard')
    expect(body.events).toMatchObject([{ kind: 'occupied', space: 'main/A1' }])
  })

  test('is done once by those who do it at once', async () => {
    await say('ghost')
    const answers = await Promise.all(Array.from({ length: 8 }, () => claim('ghost', { provision: true })))
    expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([201, ...Array(7).fill(404)])
    expect((await city.ask('GET', '/devices?code_prefix=ghost')).body.items).toHaveLength(1)
    expect(await city.audit()).toHaveLength(1)
  })

  test('leaves everything as it was where the space is unknown', async () => {
    await say('ghost')
    const other = await operators.tenant(['B1'])
    expect((await claim('ghost', { space_id: await other.spaceId('B1') })).status).toBe(404)
    expect(await orphans()).toEqual(['ghost'])
    expect((await city.ask('GET', '/devices?code_prefix=ghost')).body.items).toEqual([])
    expect(await city.audit()).toEqual([])
  })

  test('is also done by making a device of that code, and by the inbox alone where it is late', async () => {
    await say('ghost')
    await city.ask('POST', '/devices', { body: { code: 'ghost' } })
    // A batch that was begun before the device was there.
    const late = {
      tenantId: city.id,
      device: 'ghost',
      heardAt: Date.now(),
      heard: 1,
      topic: 'x',
      payload: Buffer.from('x'),
    }
    await operators.baywire.system.withSystem((tx) => addOrphans(tx, [late]))
    expect(await orphans()).toEqual([])
    expect((await claim('ghost')).status).toBe(404)
    expect((await city.ask('POST', '/orphans/ghost/ignore')).status).toBe(404)
  })

  test('is for the own orphans, and needs the permission', async () => {
    await say('ghost')
    const other = await operators.tenant()
    for (const action of ['claim', 'ignore', 'unignore']) {
      const path = `/orphans/ghost/${action}`
      const sent = action === 'claim' ? { body: {} } : {}
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await other.ask('POST', path, sent)).status).toBe(404)
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await city.ask('POST', path, { role: 'viewer', ...sent })).status).toBe(403)
    }
    expect((await claim('ghost', { code: 'other' })).status).toBe(400)
    expect(await orphans()).toEqual(['ghost'])
  })
})

describe('ignoring', () => {
  test('holds when it speaks again, and ends when one says so', async () => {
    await say('ghost')
    expect((await city.ask('POST', '/orphans/ghost/ignore')).status).toBe(204)
    expect((await city.ask('POST', '/orphans/ghost/ignore')).status).toBe(204)
    await say('ghost')
    expect([await orphans(), await orphans('?ignored=true')]).toEqual([[], ['ghost']])
    const { body } = await city.ask('GET', '/orphans?ignored=true')
    expect(body.items[0]).toMatchObject({ heard: 2, ignored_at: expect.any(String) })
    expect((await city.ask('POST', '/orphans/ghost/unignore')).status).toBe(204)
    expect([await orphans(), await orphans('?ignored=true')]).toEqual([['ghost'], []])
    expect((await city.audit()).map(({ action }) => action)).toEqual(['orphan.ignored', 'orphan.unignored'])
    await city.ask('POST', '/orphans/ghost/ignore')
    expect((await claim('ghost')).status).toBe(201)
  })
})
