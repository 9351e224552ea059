import { describe, expect, test } from 'vitest'
import { withTables } from '../../bench/docs.ts'
import type { Window } from '../../bench/measure.ts'
import { failuresOf, summarize, type Results } from '../../bench/summary.ts'
import { toTable } from '../../bench/table.ts'
import type { ApiName } from '../../bench/targets/api.ts'
import { growthOf, type Memory } from '../../bench/targets/memory.ts'
import type { ProductFindings } from '../../bench/targets/product.ts'

const facts = {
  postgres: '18.4',
  mosquitto: '2.0.11',
  seconds: 6,
  repeats: 3,
  warmUpS: 3,
  at: new Date('2026-11-21T08:00:00Z'),
}

function windows(...rates: number[]): Window[] {
  return rates.map((rate) => ({ seconds: 6, rate, cores: { load: 0.1, others: 0.02 }, memoryMb: { load: 40 } }))
}

function findings(faults: string[] = []): ProductFindings {
  const pace = { duePerSecond: 1000, committedPerSecond: 1000.4, cores: { others: 0.01 } }
  const latencies = [
    { share: 0.2, ...pace, p50Ms: 4.04, p99Ms: 12.12 },
    { share: 0.8, ...pace, p50Ms: 20, p99Ms: 60 },
  ]
  return { latencies, acknowledged: 1000, faults }
}

const whole: Results = {
  windows: {
    embedded: windows(40_000, 30_000, 50_000),
    mosquitto: windows(30_000),
    serial: windows(1000),
    concurrent: windows(15_000),
    hook: windows(120_000),
    subscriber: windows(60_000),
    'embedded-database': windows(50_000),
    'mosquitto-database': windows(40_000),
    database: windows(45_000),
  },
  skipped: { 'node-red': 'Node-RED is not installed' },
  failed: {},
  findings: { embedded: findings(), mosquitto: findings() },
}

describe('the summary of a run', () => {
  test('compares medians with the smaller ceiling of their own', () => {
    const { embedded, mosquitto, peers, times } = summarize(whole, facts)
    expect(embedded).toMatchObject({ rate: 40_000, limit: 50_000, ratio: 0.8, p50_ms: 20, p99_ms: 60 })
    expect(embedded?.latency?.[0]).toEqual({ share: 0.2, due: 1000, committed: 1000, p50_ms: 4, p99_ms: 12.1 })
    expect(mosquitto).toMatchObject({ rate: 30_000, limit: 40_000, ratio: 0.75 })
    expect(peers).toEqual({ serial: 1000, concurrent: 15_000, node_red: null })
    expect(times.embedded).toEqual({ serial: 40, concurrent: 2.7, node_red: null })
  })

  test('says null of what was not measured, and judges none of it', () => {
    const summary = summarize({ windows: { serial: windows(1000) }, skipped: {}, failed: {}, findings: {} }, facts)
    expect(summary).toMatchObject({ embedded: null, mosquitto: null, memory: null, verdicts: [] })
    expect(failuresOf(summary)).toEqual([])
    const alone = summarize({ windows: { embedded: windows(9) }, skipped: {}, failed: {}, findings: {} }, facts)
    expect(alone.embedded).toMatchObject({ rate: 9, limit: null, ratio: null, p50_ms: null })
    expect(failuresOf(alone)).toEqual([])
  })

  test('fails for a missed bound, and says which', () => {
    expect(failuresOf(summarize(whole, facts))).toEqual([
      'missed: embedded: times the concurrent peer',
      'missed: mosquitto: times the concurrent peer',
    ])
  })

  test('fails for figures that are not sound, however good', () => {
    const unsound = { ...whole, findings: { embedded: findings(['9 readings were acknowledged, 8 are in the log']) } }
    expect(failuresOf(summarize(unsound, facts))).toContain('embedded: 9 readings were acknowledged, 8 are in the log')
  })

  test('fails for what could not be measured to its end, and says why', () => {
    const failed = { subscriber: 'the consumer waited for readings 9 of 20 times' }
    const summary = summarize({ windows: {}, skipped: {}, failed, findings: {} }, facts)
    expect(failuresOf(summary)).toEqual(['subscriber: the consumer waited for readings 9 of 20 times'])
    expect(toTable(summary)).toMatch(/^ceiling: Mosquitto.* FAILED +the consumer waited/m)
  })

  test('compares answers from memory with what does nothing, and fails where they are too slow', () => {
    const [hello, counts, notModified, list, constant, queried] = [30_000, 21_000, 27_000, 9000, 12_000, 500].map(
      (rate) => windows(rate),
    )
    const measured = { hello, counts, not_modified: notModified, list, constant, queried }
    const api = { windows: measured as Record<ApiName, Window[]>, bytes: 112_447 }
    const summary = summarize({ windows: {}, skipped: {}, failed: {}, findings: {}, api }, facts)
    expect(summary.api?.ratios).toEqual({ counts: 0.7, not_modified: 0.9, list: 0.75, times_queried: 18 })
    expect(failuresOf(summary)).toEqual(['missed: api: list of 500 spaces, of a constant body of its size'])
    expect(toTable(summary)).toMatch(/^the list, queried per request +500 +500 /m)
  })

  test('fails for memory that grows', () => {
    const growth = { firstMb: 200, lastMb: 220, mbPerMinute: 2 }
    const running = { firstMb: 300, lastMb: 340, mbPerMinute: 4 }
    const memory: Memory = { seconds: 600, perSecond: 5000, running, resident: growth, heap: growth }
    const summary = summarize({ windows: {}, skipped: {}, failed: {}, findings: {}, memory }, facts)
    expect(failuresOf(summary)).toEqual(['missed: memory: growth in MB per minute, after collections'])
    expect(toTable(summary)).toContain('resident, after collections    200.0 to 220.0 MB, 2.00 MB per minute')
  })
})

describe('the table', () => {
  const summary = summarize(whole, facts)
  const table = toTable(summary)

  test('has what was measured, what was skipped and why, and what is reached', () => {
    expect(table).toMatch(/^Baywire, embedded broker +40,000 +40,000 30,000 50,000 +load 0\.10 \(40\), others 0\.02$/m)
    expect(table).toMatch(/^peer Node-RED.* skipped +Node-RED is not installed$/m)
    expect(table).toContain('embedded: share of the limit: 0.8 (at least 0.55: reached; goal 0.75: reached)')
    expect(table).toContain('mosquitto: share of the limit: 0.75 (at least 0.55: reached; goal 0.75: reached)')
    expect(table).toContain('embedded: times the concurrent peer: 2.7 (at least 3: MISSED)')
    expect(table).toContain('sound: all 2,000 acknowledged are in the log')
    expect(table).not.toContain('NOT QUIET')
  })

  test('says where a load was not held, so that its latency means little', () => {
    const slow = findings()
    const [first, ...others] = slow.latencies
    if (first === undefined) throw new Error('no latency')
    const latencies = [{ ...first, committedPerSecond: 960 }, ...others]
    const lines = toTable(summarize({ ...whole, findings: { embedded: { ...slow, latencies } } }, facts)).split('\n')
    expect(lines.filter((line) => line.includes('NOT HELD'))).toEqual([
      'embedded, from due to PUBACK at 1,000/s due and 960/s committed (20 %): p50 4.0 ms, p99 12.1 ms; NOT HELD: what waited grew',
    ])
  })

  test('is the same from the JSON of a run, and takes the place of an earlier one in a document', () => {
    const page = '# Performance\n\n<!-- figures -->\n\n    old figures\n\n<!-- /figures -->\n\nMore.\n'
    const written = withTables(page, [JSON.parse(JSON.stringify(summary)), summary])
    expect(written).not.toContain('old figures')
    expect(written).toContain(`    ${table.split('\n')[0]}\n`)
    expect(written).toMatch(
      /^# Performance\n\n<!-- figures -->\n\n {4}readings[\s\S]*\n\n<!-- \/figures -->\n\nMore\.\n$/,
    )
    expect(written.split('readings per second')).toHaveLength(3)
    expect(withTables(written, [summary, summary])).toBe(written)
    expect(() => withTables('no marks', [summary])).toThrow('no place for figures')
  })
})

test('growth is the slope of the line through all samples', () => {
  const steps = [0, 1, 2, 3, 4].map((minute) => [minute, 100 + minute * 2] as const)
  expect(growthOf(steps)).toEqual({ firstMb: 100, lastMb: 108, mbPerMinute: 2 })
  expect(growthOf(steps.map(([minute, mb]) => [minute, mb % 4])).mbPerMinute).toBeCloseTo(0)
})
