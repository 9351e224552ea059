import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/ids.ts'
import { redriveDeadLetters } from '../../src/ingest/redrive-run.ts'
import { DeviceDirectory } from '../../src/store/device-directory.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { startOperators, type OperatedTenant, type Operators } from './operator.ts'

/** Dead letters as operators see them. */
let operators: Operators
let tenant: OperatedTenant

beforeAll(async () => {
  operators = await startOperators()
})
afterEach(() => operators.baywire.expectSound())
afterAll(() => operators.close())
beforeEach(async () => {
  tenant = await operators.tenant(['A1'])
})

const now = () => operators.baywire.clock.now()
const iso = (offsetS: number) => new Date(now() + offsetS * 1000).toISOString()
const send = (device: string, payload: unknown, options = {}) =>
  operators.baywire.deliver(tenant.topic(device), payload, options)
const list = async (query = '') => await tenant.ask('GET', `/dead-letters${query}`)

/** Of the letters listed, the devices that they name. */
async function devices(query: string): Promise<string[]> {
  const { body } = await list(`?${query}`)
  return body.items.map((item: { device: string }) => item.device).toSorted()
}

async function redrive(force = false) {
  const { system, clock } = operators.baywire
  const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  return await redriveDeadLetters(
    { database: system, memory, directory: new DeviceDirectory(), clock, by: 'test' },
    {
      filter: { tenantId: tenant.id },
      execute: true,
      force,
      mostAttempts: 5,
      mostReadingsAtATime: 2000,
      onProgress: () => {},
    },
  )
}

describe('the list', () => {
  it('has what had no effect, the newest first, with its payload', async () => {
    await send('ghost', { occupied: true, at: iso(-60), seq: 1, boot: 1 })
    await send('A1', { occupied: true, at: iso(-50), seq: 1, boot: 1 })
    operators.baywire.clock.advance(1000)
    await send('A1', 'not JSON')
    const { status, body } = await list()
    expect(status).toBe(200)
    expect(body).toEqual({
      items: [
        {
          id: expect.any(String),
          part: 0,
          received_at: iso(0),
          observed_at: null,
          topic: tenant.topic('A1'),
          device: 'A1',
          delivery: null,
          outcome: 'malformed',
          reason: expect.any(String),
          attempts: 0,
          last_outcome: null,
          last_reason: null,
          payload: { bytes: 8, text: 'not JSON', hex: Buffer.from('not JSON').toString('hex') },
        },
        expect.objectContaining({ device: 'ghost', outcome: 'unknown_device', reason: 'no device ghost' }),
      ],
      next: null,
    })
  })

  it('is narrowed by each filter, and by all of them', async () => {
    await send('ghost', { occupied: true })
    await send('A1', { occupied: true, at: iso(-50), seq: 1, boot: 1 }, { retained: true })
    const gateway = `parking/v1/${tenant.slug}/gateways/gw-1/readings`
    await operators.baywire.deliver(gateway, { readings: [{ device: 'other', occupied: true }] })
    expect(await devices('outcome=unknown_device')).toEqual(['ghost', 'other'])
    expect(await devices('outcome=retained,malformed')).toEqual(['A1'])
    expect(await devices('device=ghost')).toEqual(['ghost'])
    expect(await devices(`topic=${encodeURIComponent('parking/v1/+/gateways/#')}`)).toEqual(['other'])
    expect(await devices(`from=${iso(-1)}`)).toHaveLength(3)
    expect(await devices(`from=${iso(1)}&to=${iso(2)}`)).toEqual([])
    expect(await devices(`to=${iso(-1)}`)).toEqual([])
    expect(await devices('outcome=unknown_device&device=A1')).toEqual([])
  })

  it('shows late ones and duplicates to those who ask for them', async () => {
    const reading = { occupied: true, at: iso(-50), seq: 2, boot: 1 }
    await send('A1', reading)
    await send('A1', reading)
    await send('A1', { occupied: false, at: iso(-60), seq: 1, boot: 1 })
    expect((await list()).body.items).toEqual([])
    const { body } = await list(`?outcome=late,duplicate&from=${iso(-600)}`)
    expect(body.items.map((item: { outcome: string }) => item.outcome).toSorted()).toEqual(['duplicate', 'late'])
    const { body: shown } = await tenant.ask('GET', `/dead-letters/${body.items[0].id}`)
    expect(shown.parts).toMatchObject([{ dead: false }])
  })

  it('comes page by page: each letter once, also those of one moment', async () => {
    await Promise.all(Array.from({ length: 25 }, (_, n) => send(`ghost-${n}`, { occupied: true })))
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      // oxlint-disable-next-line no-await-in-loop -- page after page
      const { body } = await list(`?limit=10${cursor === '' ? '' : `&cursor=${cursor}`}`)
      seen.push(...body.items.map((item: { device: string }) => item.device))
      cursor = body.next
    }
    expect(seen).toHaveLength(25)
    expect(new Set(seen)).toHaveLength(25)
  })

  it('no longer has what was redriven, and says how often the rest was tried', async () => {
    await send('ghost', { occupied: true, at: iso(-60), seq: 1, boot: 1 })
    await send('lost', { occupied: true, at: iso(-60), seq: 1, boot: 1 })
    const { body: before } = await list('?device=ghost')
    await operators.baywire.tenant(tenant.slug, ['ghost'])
    await redrive(true)
    const { body } = await list()
    expect(body.items).toMatchObject([
      { device: 'lost', attempts: 1, last_outcome: 'unknown_device', last_reason: 'no device lost' },
    ])
    const { body: shown } = await tenant.ask('GET', `/dead-letters/${before.items[0].id}`)
    expect(shown.parts).toMatchObject([
      { device: 'ghost', dead: false, attempts: [{ attempt: 1, outcome: 'applied' }] },
    ])
  })

  it.each([
    ['outcome=applied', 'outcome.0'],
    ['outcome=', 'outcome.0'],
    ['device=a%20b', 'device'],
    ['topic=a/%23/b', 'topic'],
    ['topic=a%2Bb/c', 'topic'],
    ['topic=', 'topic'],
    ['from=yesterday', 'from'],
    ['from=2026-11-21T00:00:00Z&to=2026-11-20T00:00:00Z', 'from'],
    ['cursor=x', 'cursor'],
    ['limit=0', 'limit'],
    ['colour=red', 'colour'],
  ])('refuses ?%s, naming the field', async (query, path) => {
    const { status, body } = await list(`?${query}`)
    expect(status).toBe(400)
    expect(body.errors.map((error: { path: string }) => error.path)).toContain(path)
  })
})

describe('the counts', () => {
  it('are by outcome and reason, the most frequent first', async () => {
    for (const device of ['ghost', 'ghost', 'other']) {
      // oxlint-disable-next-line no-await-in-loop
      await send(device, { occupied: true })
    }
    await send('A1', { occupied: true })
    const { status, body } = await tenant.ask('GET', '/dead-letters/counts')
    expect(status).toBe(200)
    expect(body).toEqual({
      items: [
        { outcome: 'unknown_device', reason: 'no device ghost', count: 2 },
        { outcome: 'unknown_device', reason: 'no device other', count: 1 },
      ],
      total: 3,
    })
    const narrowed = await tenant.ask('GET', `/dead-letters/counts?device=other&from=${iso(-1)}`)
    expect(narrowed.body.total).toBe(1)
    expect((await tenant.ask('GET', '/dead-letters/counts?outcome=retained')).body).toEqual({ items: [], total: 0 })
    expect((await tenant.ask('GET', '/dead-letters/counts?outcome=late')).status).toBe(400)
    expect((await tenant.ask('GET', '/dead-letters/counts?topic=a/%23/b')).body.errors[0].path).toBe('topic')
  })
})

describe('one', () => {
  it('is the whole message, with its payload wherever that stands', async () => {
    const readings = [
      { device: 'A1', occupied: true, at: iso(-20), seq: 1, boot: 1 },
      { device: 'ghost', occupied: true, at: iso(-20), seq: 1, boot: 1 },
      { device: 'A1', occupied: 'perhaps' },
    ]
    await operators.baywire.deliver(`parking/v1/${tenant.slug}/gateways/gw-1/readings`, { readings })
    const { body } = await list('?device=ghost')
    expect(body.items[0].payload).toBeNull()
    const { status, body: shown } = await tenant.ask('GET', `/dead-letters/${body.items[0].id}`)
    expect(status).toBe(200)
    expect(JSON.parse(shown.payload.text)).toEqual({ readings })
    expect(shown.parts).toMatchObject([
      { part: 1, device: 'ghost', outcome: 'unknown_device', dead: true, attempts: [] },
      { part: 2, outcome: 'malformed', dead: true },
    ])
  })

  it('bounds a long payload, and shows no text that cannot be printed', async () => {
    await send('A1', Buffer.alloc(5000, 1))
    const { body } = await list()
    expect(body.items[0].payload).toEqual({ bytes: 5000, text: null, hex: '01'.repeat(1024) })
  })

  it("answers alike for another tenant's, for what had its effect, and for what there never was", async () => {
    await send('ghost', { occupied: true })
    await send('A1', { occupied: true, at: iso(-50), seq: 1, boot: 1 })
    const { body } = await list()
    const { body: log } = await tenant.ask('GET', '/readings?outcome=applied')
    const other = await operators.tenant([])
    const answers = await Promise.all([
      other.ask('GET', `/dead-letters/${body.items[0].id}`),
      tenant.ask('GET', `/dead-letters/${log.items[0].id}`),
      tenant.ask('GET', `/dead-letters/${newId()}`),
    ])
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404])
    const texts = answers.map(({ body: { request_id: _id, instance: _instance, ...rest } }) => rest)
    expect(texts[1]).toEqual(texts[0])
    expect(texts[2]).toEqual(texts[0])
    expect((await other.ask('GET', '/dead-letters')).body.items).toEqual([])
    expect((await other.ask('GET', '/dead-letters/counts')).body.total).toBe(0)
  })
})

it.each(['viewer', 'driver'] as const)('are nothing for %s', async (role) => {
  for (const path of ['/dead-letters', '/dead-letters/counts', `/dead-letters/${newId()}`]) {
    // oxlint-disable-next-line no-await-in-loop
    expect((await tenant.ask('GET', path, { role })).status).toBe(403)
  }
})
