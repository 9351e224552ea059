import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BaywireError, UsageError } from '../../src/errors.ts'
import { openSource, type Source, type SourceOptions } from '../../src/cli/simulate/source.ts'

const shared = new URL('../../../shared/data/occupancy/', import.meta.url).pathname
const present = existsSync(shared)
const common = { batch: 1, gateways: 1 }

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baywire-csv-'))
})
afterAll(() => rm(directory, { recursive: true }))

function readingsOf(source: Source, nowMs = 1_800_000_000_000) {
  const { lanes } = source.lanes({ boot: 1, now: () => nowMs })
  return lanes.flatMap((lane) => {
    const readings = []
    while (lane.nextDueMs() !== undefined) readings.push(...lane.take().readings)
    return readings
  })
}

const ladot = {
  csv: join(shared, 'ladot-events-2026-05-12.csv'),
  device: 'SpaceID',
  at: 'EventTime_UTC',
  state: 'OccupancyState',
  occupied: ['OCCUPIED'],
  vacant: ['VACANT'],
}

describe.skipIf(!present)(`recorded logs${present ? '' : ` (skipped: there is no ${shared})`}`, () => {
  test('LADOT: a header with other line ends than its rows, US times', async () => {
    const source = await openSource({ ...common, ...ladot, timezone: 'UTC', rebase: true })
    const readings = readingsOf(source)
    expect(readings).toHaveLength(490)
    expect(source.devices).toHaveLength(119)
    expect(readings.at(-1)?.atMs).toBe(1_800_000_000_000)
    expect(readings.map(({ seq }) => seq)).toEqual(readings.map((_, index) => index + 1))
  })

  test('LADOT: local times in their zone are the UTC ones', async () => {
    const utc = await openSource({ ...common, ...ladot })
    const local = await openSource({ ...common, ...ladot, at: 'EventTime_Local', timezone: 'America/Los_Angeles' })
    expect(readingsOf(local)).toEqual(readingsOf(utc))
  })

  test('Melbourne: a byte order mark before the first column', async () => {
    const source = await openSource({
      ...common,
      csv: join(shared, 'melbourne-bays-2024-12-09.csv'),
      device: 'KerbsideID',
      at: 'Lastupdated',
      state: 'Status_Description',
      occupied: ['Present'],
      vacant: ['Unoccupied'],
    })
    expect(source.devices).toHaveLength(3296)
    expect(readingsOf(source).every(({ occupied }) => typeof occupied === 'boolean')).toBe(true)
  })

  test('ACN: stays, with times in RFC 1123', async () => {
    const source = await openSource({
      ...common,
      csv: join(shared, 'acn-sessions-spaces-a.csv'),
      device: 'spaceID',
      from: 'connectionTime',
      to: 'disconnectTime',
    })
    const readings = readingsOf(source)
    expect(readings).toHaveLength(3202)
    expect(source.devices).toHaveLength(23)
    const last = new Map<string, unknown>()
    for (const { device, occupied } of readings) {
      expect(occupied).toBe(last.get(device) !== true)
      last.set(device, occupied)
    }
  })
})

async function refusal(content: string | Buffer, options: Partial<SourceOptions>): Promise<string> {
  const csv = join(directory, 'log.csv')
  await writeFile(csv, content)
  const error: unknown = await openSource({ ...common, ...options, csv }).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(BaywireError)
  return error instanceof BaywireError ? error.message.replaceAll(`${directory}/`, '') : ''
}

describe('a file that is refused', () => {
  const events = { device: 'd', at: 't', state: 's', occupied: ['1'], vacant: ['0'] }
  const stays = { device: 'd', from: 'a', to: 'b' }

  test.each([
    ['', events, 'log.csv: is empty'],
    ['\n\n', events, 'log.csv: is empty'],
    ['d,t,s\n', events, 'log.csv: has a header and no rows'],
    ['d,t\na,1\n', events, 'log.csv: has no column "s"'],
    ['d,t,s,t\na,1,1,1\n', events, 'log.csv: has more than one column "t"'],
    ['d,t,s\na,1,1\nb,soon,0\n', events, 'log.csv, line 3: t: "soon" is no time'],
    ['d,t,s\r\na,1,1\r\n\r\nb,,0\r\n', events, 'log.csv, line 4: t: is empty'],
    ['d,t,s\na b,1,1\n', events, 'log.csv, line 2: d: "a b" is no code of 1 to 64 of A-Z a-z 0-9 . _ ~ -'],
    ['d,t,s\n,1,1\n', events, 'log.csv, line 2: d: "" is no code of 1 to 64 of A-Z a-z 0-9 . _ ~ -'],
    ['d,t,s\na,1\n', events, 'log.csv, line 2: has 2 cells, where the header has another number'],
    ['d,a,b\nx,20,10\n', stays, 'log.csv, line 2: b: is before a'],
    ['d,a,b\nx,10,\n', stays, 'log.csv, line 2: b: is empty'],
    [Buffer.from('d,t,s\na,1,\xff\n', 'latin1'), events, 'log.csv: is not UTF-8'],
  ])('%j', async (content, options, message) => {
    expect(await refusal(content, options)).toBe(message)
  })

  test('names twenty lines and counts the rest', async () => {
    const lines = (await refusal(`d,t,s\n${'a,x,1\n'.repeat(25)}`, events)).split('\n')
    expect(lines).toHaveLength(21)
    expect(lines.at(-1)).toBe('… and 5 more')
  })

  test('that does not exist', async () => {
    await expect(openSource({ ...common, ...events, csv: join(directory, 'nothing.csv') })).rejects.toThrow(
      'there is no such file',
    )
  })
})

describe('options that do not go together', () => {
  test.each<Partial<SourceOptions>>([
    { csv: 'x', device: 'd', at: 't', state: 's', occupied: ['1'] },
    { csv: 'x', device: 'd', from: 'a' },
    { csv: 'x', device: 'd', from: 'a', to: 'b', at: 't' },
    { csv: 'x', device: 'd', at: 't', state: 's', occupied: ['1'], vacant: ['1'] },
    { csv: 'x', device: 'd', from: 'a', to: 'b', spaces: 3 },
    { csv: 'x', device: 'd', from: 'a', to: 'b', timezone: 'Nowhere' },
    { repeat: 2 },
    { timeFormat: 'YYYY' },
  ])('%j', async (options) => {
    await expect(openSource({ ...common, ...options })).rejects.toThrow(UsageError)
  })
})

describe('synthetic readings', () => {
  test('number the readings of each device, and a fifth of them change it', async () => {
    const source = await openSource({ batch: 2, gateways: 3, spaces: 30, messages: 1500 })
    const readings = readingsOf(source)
    expect(readings).toHaveLength(3000)
    const last = new Map<string, { seq: number; occupied: unknown }>()
    let changes = 0
    for (const { device, seq, occupied } of readings) {
      const before = last.get(device)
      expect(seq).toBe((before?.seq ?? 0) + 1)
      if (before !== undefined && before.occupied !== occupied) changes++
      last.set(device, { seq, occupied })
    }
    expect(last.size).toBe(30)
    expect(changes / readings.length).toBeCloseTo(0.2, 1)
  })

  test('are paced over all connections together', async () => {
    const source = await openSource({ batch: 5, gateways: 2, spaces: 10, messages: 4, rate: 100 })
    const due = source.lanes({ boot: 1, now: () => 0 }).lanes.map((lane) => {
      const first = lane.nextDueMs()
      lane.take()
      return [first, lane.nextDueMs()]
    })
    expect(due).toEqual([
      [0, 100],
      [0, 100],
    ])
  })

  test('need no more connections than there are devices', async () => {
    const source = await openSource({ ...common, gateways: 8, spaces: 3, messages: 9 })
    expect(source.lanes({ boot: 1, now: () => 0 }).lanes).toHaveLength(3)
    expect(readingsOf(source)).toHaveLength(9)
  })
})
