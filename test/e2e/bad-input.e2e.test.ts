import { existsSync, readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Sql } from '../../src/store/client.ts'
import { connectPacket, connected, publishPacket, RawClient } from '../support/mqtt.ts'
import { eventually, type Program } from '../support/program.ts'
import { expectSound } from './support/books.ts'
import { Home } from './support/home.ts'
import { fatesOf, knock, Sender, type Fate } from './support/sender.ts'
import { spacesOf } from './support/spaces.ts'
import { makeTenant, type Identity } from './support/tenant.ts'

/**
 * Whatever a device sends gets its outcome and reason, or is refused at the door and counted; and after each kind of
 * it, an honest device is heard as before, on the connection and by the process that it has had all along.
 */
const malformed = new URL('../../../shared/data/malformed/', import.meta.url)
const here = existsSync(malformed)
const suite = here ? readLines<{ name: string; base64: string }>('json-test-suite.jsonl') : []
const naughty = here ? (JSON.parse(readFileSync(new URL('naughty-strings.json', malformed), 'utf8')) as string[]) : []
if (!here) process.stderr.write(`skipped: published bad input is tried where ${malformed.pathname} is\n`)

const tenant = 'acme'
const topics = { device: 'parking/v1/acme/devices/wild/reading', gateway: 'parking/v1/acme/gateways/gw/readings' }
const mostPayloadBytes = 65_536
/** Known, and nobody is connected as it. */
const unused = 'acme/devices/left'
/** MQTT 3.1.1, 3.2.2.3. */
const wrongCredential = 4
const identifierRejected = 2
const isCode = (text: string) => /^[A-Za-z0-9._~-]{1,64}$/.test(text)
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const brackets = (count: number) => '['.repeat(count)
/** A good payload of so many bytes. */
const padded = (length: number) => `{"occupied":true,"note":"${'x'.repeat(length - 27)}"}`

let home: Home
let program: Program
let sql: Sql
let honest: Sender
let wild: Sender
let gateway: Sender
/** What this file makes the door refuse. */
const refused: Record<string, number> = {}

beforeAll(async () => {
  // All of it comes from one address, and whoever is cut off comes again at once.
  home = await Home.create({ BAYWIRE_CONNECT_FAILURES: '100000', BAYWIRE_CONNECTS_PER_MINUTE: '100000' })
  program = await home.start()
  const url = await home.databaseUrl()
  sql = connect({ url, max: 1, statementTimeoutMs: 10_000, name: 'e2e' })
  const devices = ['honest', 'wild', 'left', 'right', ...clocks.map(([device]) => device)]
  const made = await makeTenant(url, { tenant, devices, gateway: 'gw' })
  await makeTenant(url, { tenant: 'globex', devices: ['theirs'], gateway: 'gw' })
  const port = home.mqttPort
  honest = await Sender.connect({ port, identity: made.devices[0] as Identity })
  wild = await Sender.connect({ port, identity: made.devices[1] as Identity })
  gateway = await Sender.connect({ port, identity: made.gateway })
})

afterEach(async () => {
  await expectHonestIsHeard()
  await expectRefusalsCounted()
})

afterAll(async () => {
  await Promise.all([honest, wild, gateway].map((sender) => sender.close()))
  await sql.end()
  await home.remove()
})

/** Times in their order, all of them past. */
let time = Date.now() - 3_600_000
let seq = 0
let occupied = false
const nextAt = () => new Date((time += 100)).toISOString()
/** Changes the state of its space each time. */
const good = (device: string) => ({ device, occupied: seq % 2 === 0, at: nextAt(), seq: ++seq, boot: 1 })

async function expectHonestIsHeard(): Promise<void> {
  occupied = !occupied
  const at = nextAt()
  await honest.publish(`parking/v1/acme/devices/honest/reading`, [JSON.stringify({ occupied, at })])
  await eventually('the honest reading in the API', async () => {
    const space = (await spacesOf(home, { tenant, site: 'main' })).get('honest')
    return space?.status === (occupied ? 'occupied' : 'free') && space.observed_at === at
  })
  expect(program.running && honest.connected && wild.connected && gateway.connected).toBe(true)
}

async function expectRefusalsCounted(): Promise<void> {
  const counted = await Promise.all(
    Object.keys(refused).map(async (reason) => [reason, await home.metric('baywire_refused_total', { reason })]),
  )
  expect(Object.fromEntries(counted)).toEqual(refused)
  expect(await home.metric('baywire_refused_total')).toBe(Object.values(refused).reduce((sum, n) => sum + n, 0))
}

function willRefuse(reason: string, count: number): void {
  refused[reason] = (refused[reason] ?? 0) + count
}

/** What became of each of them, in their order; what is refused at the door has no fate. */
async function fates(
  from: 'device' | 'gateway',
  payloads: readonly (Buffer | string)[],
  options?: { retain?: boolean },
): Promise<Fate[]> {
  const sender = from === 'device' ? wild : gateway
  return await fatesOf(sql, () => sender.publish(topics[from], payloads, options))
}

function outcomes(logged: readonly Fate[]): string[][] {
  return logged.map(({ parts }) => parts.map(({ outcome }) => outcome))
}

/** What JSON says that a gateway's message is made of: the reference that the decoder is compared with. */
function partsOf(payload: Buffer): unknown[] | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload)
    return (JSON.parse(text) as { readings: unknown[] }).readings
  } catch {
    return undefined
  }
}

function readLines<T>(file: string): T[] {
  const lines = readFileSync(new URL(file, malformed), 'utf8').split('\n')
  return lines.filter(Boolean).map((line) => JSON.parse(line) as T)
}

describe.skipIf(!here)('JSON that parsers have stumbled over (../shared/data/malformed)', () => {
  const entries = suite.map(({ base64 }) => Buffer.from(base64, 'base64'))

  it('is malformed as a reading of a device', async () => {
    const taken = entries.filter(({ length }) => length <= mostPayloadBytes)
    willRefuse('payload_too_large', entries.length - taken.length)
    const logged = await fates('device', entries)
    expect(logged.map(({ payload }) => payload.toString('base64'))).toEqual(taken.map((one) => one.toString('base64')))
    expect(outcomes(logged)).toEqual(taken.map(() => ['malformed']))
    expect(logged.every(({ parts }) => /^(payload|occupied): /.test(parts[0]?.reason ?? ''))).toBe(true)
  })

  it('spoils none of the good readings that it comes with, where the message can be read at all', async () => {
    const comma = Buffer.from(',')
    const messages = entries.map((entry) => {
      const [before, after] = [JSON.stringify(good('left')), JSON.stringify(good('right'))]
      return Buffer.concat([Buffer.from(`{"readings":[${before}`), comma, entry, comma, Buffer.from(`${after}]}`)])
    })
    const taken = messages.filter(({ length }) => length <= mostPayloadBytes)
    willRefuse('payload_too_large', messages.length - taken.length)
    const logged = await fates('gateway', messages)
    const wanted = taken.map((message) => {
      const parts = partsOf(message)
      if (parts === undefined) return ['malformed']
      return parts.map((_part, index) => (index === 0 || index === parts.length - 1 ? 'good' : 'malformed'))
    })
    expect(outcomes(logged).map((parts) => parts.map(asGood))).toEqual(wanted)
    expect(wanted.filter(({ length }) => length === 3).length, 'that many can be read').toBeGreaterThan(40)
  })
})

/** The first one changes the state; where one was lost before, the next of the same device does not. */
function asGood(outcome: string): string {
  return outcome === 'applied' || outcome === 'unchanged' ? 'good' : outcome
}

describe.skipIf(!here)('strings that programs have stumbled over (../shared/data/malformed)', () => {
  it.each<[string, (text: string) => string]>([
    ['device', (text) => (isCode(text) ? 'unknown_device' : 'malformed')],
    ['occupied', () => 'malformed'],
    ['at', () => 'malformed'],
    ['seq', () => 'malformed'],
    ['boot', (text) => (text === '' || !isCode(text) ? 'malformed' : 'good')],
    ['kind', () => 'malformed'],
    ['battery', () => 'malformed'],
    ['rssi', () => 'malformed'],
    ['note', () => 'good'],
  ])('as %s', async (field, wanted) => {
    const parts = naughty.map((text) => ({ ...good('left'), [field]: text }))
    const [fate] = await fates('gateway', [batch([good('right'), ...parts, good('right')])])
    expect(fate?.parts.map(({ outcome }) => asGood(outcome))).toEqual(['good', ...naughty.map(wanted), 'good'])
  })

  it('as the name of a field', async () => {
    const parts = naughty.map((text) => JSON.stringify(good('left')).replace('{', `{${JSON.stringify(text)}:1,`))
    const [fate] = await fates('gateway', [`{"readings":[${parts.join(',')}]}`])
    expect(fate?.parts.map(({ outcome }) => asGood(outcome))).toEqual(naughty.map(() => 'good'))
  })

  it('as a payload', async () => {
    const payloads = naughty.flatMap((text) => [text, JSON.stringify(text)])
    expect(outcomes(await fates('device', payloads))).toEqual(payloads.map(() => ['malformed']))
    expect(outcomes(await fates('gateway', payloads))).toEqual(payloads.map(() => ['malformed']))
  })

  it('as a level of a topic', async () => {
    const levels = naughty.filter((text) => !/[+#\0]/.test(text))
    for (const text of levels) {
      // oxlint-disable-next-line no-await-in-loop -- each is a topic of its own
      await wild.publish(`parking/v1/acme/devices/${text}/reading`, ['{"occupied":true}'])
    }
    willRefuse('foreign_topic', levels.filter(isCode).length)
    const unknown = levels.filter((text) => !isCode(text))
    const tooLong = unknown.filter(
      (text) => Buffer.byteLength(`parking/v1/acme/devices/${text}/reading`) > 256 || text.split('/').length > 3,
    )
    willRefuse('unknown_topic', unknown.length - tooLong.length)
    willRefuse('topic_too_long', tooLong.length)
  })

  it('as a name and a password', async () => {
    for (const text of naughty) {
      const answer = Buffer.byteLength(text) > 160 ? identifierRejected : wrongCredential
      // oxlint-disable-next-line no-await-in-loop
      expect(await knock(home.mqttPort, { username: text, secret: text }), text).toBe(answer)
      // oxlint-disable-next-line no-await-in-loop
      expect(await knock(home.mqttPort, { username: unused, secret: text }), text).toBe(wrongCredential)
    }
    const tooLong = naughty.filter((text) => Buffer.byteLength(text) > 160).length
    willRefuse('wrong_credential', 2 * naughty.length - tooLong)
    willRefuse('wrong_client_id', tooLong)
  })
})

it('bytes that are no text, and NUL', async () => {
  const payloads = [
    bytes('ff'),
    Buffer.concat([Buffer.from('{"occupied":true,"note":"'), bytes('c080'), Buffer.from('"}')]),
    Buffer.concat([Buffer.from('{"occupied":true,"note":"'), bytes('eda080'), Buffer.from('"}')]),
    Buffer.concat([Buffer.from('{"occupied":true'), bytes('00'), Buffer.from('}')]),
    Buffer.concat([Buffer.from('{"occupied":true}'), bytes('00')]),
    Buffer.from('{"occupied":true}', 'utf16le'),
    '\uFEFF{"occupied":true}',
    '{"occupied":true,"boot":"\\u0000"}',
    '{"occupied":true,"boot":"\\ud800"}',
  ]
  expect(outcomes(await fates('device', payloads))).toEqual(payloads.map(() => ['malformed']))
  const parts = [good('left'), { ...good('left'), device: 'a\0b' }, { ...good('right'), note: '\0\ud800' }]
  const [fate] = await fates('gateway', [batch(parts)])
  expect(fate?.parts.map(({ outcome }) => asGood(outcome))).toEqual(['good', 'malformed', 'good'])
})

it('brackets without end', async () => {
  const nested = `${brackets(32_000)}${']'.repeat(32_000)}`
  willRefuse('payload_too_large', 1)
  await wild.publish(topics.device, [brackets(100_000)])
  const logged = await fates('device', [
    brackets(60_000),
    nested,
    '{"a":'.repeat(12_000),
    `{"occupied":true,"note":${nested}}`,
  ])
  expect(outcomes(logged)).toEqual([['malformed'], ['malformed'], ['malformed'], ['applied']])
  const among = `{"readings":[${JSON.stringify(good('left'))},${nested},${JSON.stringify(good('right'))}]}`
  const [fate] = await fates('gateway', [among])
  expect(fate?.parts.map(({ outcome }) => asGood(outcome))).toEqual(['good', 'malformed', 'good'])
})

it('values of another kind', async () => {
  const wrong = [
    ...[null, 0, 1, 'true', [], {}].map((value) => ({ occupied: value })),
    ...[true, [], {}, -1, 1e300, 253_402_300_800_000, '2026-02-30T00:00:00Z', 'yesterday'].map((value) => ({
      at: value,
    })),
    ...[true, '1', -1, 1.5, 2 ** 53, []].map((value) => ({ seq: value })),
    ...[true, -1, 1.5, '', 'a b', {}].map((value) => ({ boot: value })),
  ].map((fields) => ({ ...good('left'), ...fields }))
  const [fate] = await fates('gateway', [batch([good('right'), ...wrong, null, 7, [], good('right')])])
  const wanted = ['good', ...wrong.map(() => 'malformed'), 'malformed', 'malformed', 'malformed', 'good']
  expect(fate?.parts.map(({ outcome }) => asGood(outcome))).toEqual(wanted)
  expect(fate?.parts.every(({ outcome, reason }) => outcome !== 'malformed' || (reason ?? '') !== '')).toBe(true)
  const messages = ['{}', '{"readings":{}}', '{"readings":[]}', batch(Array.from({ length: 501 }, () => ({})))]
  expect(outcomes(await fates('gateway', messages))).toEqual(messages.map(() => ['malformed']))
})

it('too large, by a little or by much', async () => {
  const logged = await fates('device', [padded(mostPayloadBytes), padded(mostPayloadBytes + 1)])
  expect(logged.map(({ payload }) => payload.length)).toEqual([mostPayloadBytes])
  const other = await rawGlobex()
  other.send(publishPacket({ topic: 'parking/v1/globex/gateways/gw/readings', payload: 'x'.repeat(5_000_000) }))
  await other.closed()
  willRefuse('payload_too_large', 2)
})

/** A connection of the other tenant's gateway that may be lost. */
async function rawGlobex(): Promise<RawClient> {
  const { gateway: identity } = await makeTenant(await home.databaseUrl(), {
    tenant: 'globex',
    devices: [],
    gateway: 'gw',
  })
  const client = await RawClient.connect(home.mqttPort)
  client.send(connectPacket(identity))
  await client.receive(connected.length)
  return client
}

it('devices that nobody knows, among known ones', async () => {
  const parts = [good('left'), good('ghost'), good('theirs'), good('ghost'), good('right')]
  const [fate] = await fates('gateway', [batch(parts)])
  const unknown = 'unknown_device'
  expect(fate?.parts.map(({ outcome }) => asGood(outcome))).toEqual(['good', unknown, unknown, unknown, 'good'])
  const inbox = await sql`SELECT device, heard::int FROM orphan_devices WHERE device IN ('ghost', 'theirs') ORDER BY 1`
  expect(Array.from(inbox)).toEqual([
    { device: 'ghost', heard: 2 },
    { device: 'theirs', heard: 1 },
  ])
})

it('a reading with the retain flag, which is live here', async () => {
  const at = nextAt()
  const [fate] = await fates('device', [JSON.stringify({ occupied: false, at })], { retain: true })
  expect(fate).toMatchObject({ delivery: 'retain-stripped', parts: [{ observed_at: expect.any(String) }] })
  expect(asGood(fate?.parts[0]?.outcome ?? '')).not.toBe('retained')
})

/** By device: what it sends, one after the other, and which clock is believed. */
const clocks: [device: string, sent: (number | string)[], trusted: string[]][] = [
  ['years-ahead', ['2099-01-01T00:00:00Z', 4_102_444_800, '9999-12-31T23:59:59.999Z'], ['ahead', 'ahead', 'ahead']],
  ['years-behind', ['1999-12-31T23:59:60Z', 0, '2001-01-01T00:00:00Z'], ['device', 'backwards', 'backwards']],
  ['backwards', [ago(1), ago(2), ago(3), ago(0)], ['device', 'backwards', 'backwards', 'backwards']],
  ['jumping', [ago(5), '2099-01-01T00:00:00Z', ago(4), ago(3)], ['device', 'ahead', 'backwards', 'backwards']],
]

function ago(minutes: number): string {
  return new Date(Date.now() - 60_000 * (10 + minutes)).toISOString()
}

it.each(clocks)('a clock that is %s', async (device, sent, trusted) => {
  const before = Date.now()
  const parts = sent.map((at, index) => ({ device, occupied: index % 2 === 0, at, seq: index + 1, boot: 9 }))
  const logged = await fates(
    'gateway',
    parts.map((part) => batch([part, good('left')])),
  )
  expect(logged.map((fate) => fate.parts[0]?.clock)).toEqual(trusted)
  for (const {
    parts: [first, second],
  } of logged) {
    expect(asGood(second?.outcome ?? '')).toBe('good')
    const observedAt = Date.parse(first?.observed_at ?? '')
    expect(observedAt).toBeLessThanOrEqual(Date.now() + 1000)
    if (first?.clock !== 'device') expect(observedAt).toBeGreaterThanOrEqual(before)
  }
  const observedAt = await eventually('its evidence in the API', async () => {
    const space = (await spacesOf(home, { tenant, site: 'main' })).get(device)
    return space?.observed_at ?? undefined
  })
  expect(Date.parse(observedAt)).toBeLessThanOrEqual(Date.now() + 1000)
})

it('one that speaks for another, or where nobody listens', async () => {
  const reading = '{"occupied":true}'
  const foreign = [
    'parking/v1/acme/devices/honest/reading',
    'parking/v1/globex/devices/theirs/reading',
    'parking/v1/acme/gateways/gw/readings',
    'parking/v1/acme/devices/honest/status',
    'parking/v1/acme/sites/main/availability',
    'parking/v1/acme/sites/main/spaces/honest/state',
    'parking/v1/acme/devices/wild/command',
  ]
  const unknown = ['hello', 'parking/v2/acme/devices/wild/reading', 'parking/v1/acme/devices/wild/reading/', '$SYS/x']
  const before = await countLogged()
  for (const topic of [...foreign, ...unknown]) {
    // oxlint-disable-next-line no-await-in-loop
    await wild.publish(topic, [reading])
  }
  await gateway.publish('parking/v1/acme/devices/wild/reading', [reading])
  willRefuse('foreign_topic', foreign.length + 1)
  willRefuse('unknown_topic', unknown.length)
  expect(await countLogged()).toBe(before)
})

async function countLogged(): Promise<number> {
  const [row] = await sql<{ count: number }[]>`SELECT count(*)::int AS count FROM readings`
  return row?.count ?? 0
}

it('is all in the books, in the figures, and in what can be folded again', async () => {
  const { ledger } = await expectSound(home, tenant)
  const { received, balanced: _balanced, ...rest } = ledger
  expect(ledger.malformed).toBeGreaterThan(0)
  for (const outcome of ['applied', 'unchanged', 'late', 'duplicate', 'unknown_device', 'malformed'] as const) {
    // oxlint-disable-next-line no-await-in-loop
    expect(await home.metric('baywire_readings_total', { tenant, outcome }), outcome).toBe(rest[outcome])
  }
  expect(await home.metric('baywire_readings_total', { tenant })).toBe(received)
  expect(await home.metric('baywire_door_seen_total')).toBe(await home.metric('baywire_readings_total'))
  expect(await home.metric('baywire_door_given_up_total')).toBe(0)
  expect(await home.metric('baywire_in_flight')).toBe(0)
  expect(await home.metric('baywire_ledger_imbalance')).toBe(0)
})

it('left no stack in what the program says', () => {
  expect(program.stderr).not.toMatch(/^\s+at .*:\d+/m)
  expect(program.stderr).not.toContain('refused by the database')
})

function batch(readings: readonly unknown[]): string {
  return JSON.stringify({ readings })
}
