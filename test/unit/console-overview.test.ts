import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { needsOf, type Dashboard, type Job, type NeedsInput } from '../../console/src/overview/attention.ts'
import { changesShown, newestOf, saying, type Change } from '../../console/src/overview/changes.ts'
import { dayOf, hoursOf, segmentsOf, topOf, type Ledger } from '../../console/src/overview/hours.ts'
import { Refresher } from '../../console/src/live/refresher.ts'

const now = new Date('2026-11-20T12:00:00Z')
const well: Dashboard['attention'] = {
  silent_devices: 0,
  low_batteries: 0,
  dead_letters: 0,
  orphans: 0,
  unassigned_devices: 0,
  offline_gateways: 0,
  books_balanced: true,
}
const run = { started_at: '', ended_at: '', duration_s: 1, requested_by: null, detail: null }
const job: Job = {
  job: 'books',
  interval_s: 60,
  running_since: null,
  requested_at: null,
  next_run_at: '2026-11-20T12:00:30.000Z',
  last_success_at: '2026-11-20T11:59:30.000Z',
  last_run: { ...run, result: 'succeeded' },
}
const needs = (changes: Partial<NeedsInput>) =>
  needsOf({ attention: well, jobs: [job], seesMessages: true, now, ...changes }).map(({ what }) => what)

describe('what needs somebody', () => {
  it('is nothing where all is well, and where it is not known', () => {
    expect(needs({})).toEqual([])
    expect(needs({ attention: { ...well, low_batteries: null, books_balanced: null }, jobs: undefined })).toEqual([])
  })

  it('has first what is broken', () => {
    const attention = {
      ...well,
      silent_devices: 4,
      orphans: 1,
      dead_letters: 1,
      offline_gateways: 2,
      books_balanced: false,
    }
    expect(needs({ attention })).toEqual([
      'The books do not balance',
      '2 gateways offline',
      '4 silent devices',
      '1 orphan',
      '1 dead letter waiting',
    ])
    expect(needs({ attention: { ...well, dead_letters: 10_000 } })).toEqual(['more than 10,000 dead letters waiting'])
    expect(needs({ attention: { ...well, dead_letters: 3 }, seesMessages: false })).toEqual([])
  })

  it('has jobs that failed, found something, or do not begin', () => {
    const last = (result: 'failed' | 'found' | 'lost') => ({ ...job, last_run: { ...run, result } })
    expect(needs({ jobs: [last('failed')] })).toEqual(['The job books failed'])
    expect(needs({ jobs: [last('found')] })).toEqual(['The job books found a fault'])
    // Another run takes its place by itself.
    expect(needs({ jobs: [last('lost')] })).toEqual([])
    const late = { ...job, next_run_at: '2026-11-20T11:50:00.000Z' }
    expect(needs({ jobs: [late] })).toEqual(['The job books is overdue'])
    expect(needs({ jobs: [{ ...late, running_since: '2026-11-20T11:50:00.000Z' }] })).toEqual([])
    expect(needs({ jobs: [{ ...job, next_run_at: null, last_run: null }] })).toEqual([])
  })
})

const none = {
  received: 0,
  applied: 0,
  unchanged: 0,
  debouncing: 0,
  duplicate: 0,
  late: 0,
  retained: 0,
  unassigned: 0,
  unknown_device: 0,
  malformed: 0,
}

const stepAt = (at: string, counts: Partial<Ledger['series'][number]>) => ({ ...none, at, ...counts })

describe('the hours of a day', () => {
  const from = new Date('2026-11-20T00:00:00Z')

  it('takes minutes together, and a step that begins before midnight to the first hour', () => {
    const series = [
      stepAt('2026-11-19T23:30:00.000Z', { received: 2, applied: 2 }),
      stepAt('2026-11-20T00:59:00.000Z', { received: 3, applied: 1, malformed: 2 }),
      stepAt('2026-11-20T01:00:00.000Z', { received: 5, unchanged: 5 }),
    ]
    const hours = hoursOf(series, { from, to: new Date('2026-11-21T00:00:00Z') })
    expect(hours).toHaveLength(24)
    expect(hours[0]).toMatchObject({ received: 5, applied: 3, malformed: 2 })
    expect(hours[1]).toMatchObject({ received: 5, unchanged: 5 })
  })

  it('has 25 of them where clocks are put back', () => {
    expect(hoursOf([], { from, to: new Date('2026-11-21T01:00:00Z') })).toHaveLength(25)
  })

  it('begins at midnight, where the browser is', () => {
    const day = dayOf(now)
    expect([day.from.getHours(), day.from.getMinutes(), day.to.getDate() - day.from.getDate()]).toEqual([0, 0, 1])
  })

  it('draws bars that are as high as their figures, and shows however few had no effect', () => {
    expect([0, 1, 3, 54, 100, 101].map(topOf)).toEqual([1, 1, 5, 100, 100, 200])
    const hour = { ...none, at: from, received: 1001, applied: 400, unchanged: 600, malformed: 1 }
    expect(segmentsOf(hour, 2000)).toEqual([
      { band: 'changed', from: 0, height: 0.2 },
      { band: 'confirmed', from: 0.2, height: 0.3 },
      { band: 'dead', from: 0.5, height: 0.02 },
    ])
  })
})

const change = (key: string, recordedAt: string): Change => ({
  key,
  kind: 'occupied',
  at: recordedAt,
  recordedAt,
  spaceId: 'a',
  space: 'harbour/A-1',
  status: 'occupied',
})

describe('the last changes', () => {
  it('are the newest, each once, whether from the dashboard or from the stream', () => {
    const stream = [change('b', '2026-11-20T12:00:02.000Z'), change('a', '2026-11-20T12:00:01.000Z')]
    const read = [change('a', '2026-11-20T12:00:01.000Z'), change('c', '2026-11-20T12:00:03.000Z')]
    expect(newestOf([...stream, ...read]).map(({ key }) => key)).toEqual(['c', 'b', 'a'])
    const many = Array.from({ length: 30 }, (_, index) => change(`${index}`, `2026-11-20T12:00:${10 + index}.000Z`))
    expect(newestOf(many)).toHaveLength(changesShown)
  })

  it('are told in words where their status does not say it', () => {
    expect([saying('occupied'), saying('sensor_lost'), saying('no_show')]).toEqual([
      undefined,
      'sensor lost',
      'no show',
    ])
  })
})

describe('reading anew', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('happens at once, then no more often than it may, and not without cause', () => {
    let count = 0
    const refresher = new Refresher({ leastMs: 5000, refresh: () => count++ })
    refresher.tell()
    expect(count).toBe(1)
    for (let turn = 0; turn < 10; turn++) refresher.tell()
    expect(count).toBe(1)
    vi.advanceTimersByTime(5000)
    expect(count).toBe(2)
    vi.advanceTimersByTime(60_000)
    expect(count).toBe(2)
    refresher.tell()
    expect(count).toBe(3)
    refresher.tell()
    refresher.stop()
    vi.advanceTimersByTime(60_000)
    expect(count).toBe(3)
  })
})
