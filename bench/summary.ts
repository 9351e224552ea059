import { release, totalmem, type } from 'node:os'
import { median, type Window } from './measure.ts'
import { machine } from './processes.ts'
import { apiNames, type ApiName, type ApiResults } from './targets/api.ts'
import type { Explained } from './targets/explain.ts'
import type { Memory } from './targets/memory.ts'
import type { Replay } from './targets/replay.ts'
import type { ProductFindings } from './targets/product.ts'
import type { Streams } from './targets/streams.ts'

/** What is measured in rounds, in this order. */
export const names = [
  'embedded',
  'mosquitto',
  'serial',
  'concurrent',
  'node-red',
  'hook',
  'subscriber',
  'embedded-database',
  'mosquitto-database',
  'database',
] as const
export type Name = (typeof names)[number]
export type ProductName = 'embedded' | 'mosquitto'

/** What one run measured. A name is in none of these where it was left out. */
export interface Results {
  windows: Partial<Record<Name, Window[]>>
  /** Why, where it cannot be measured here. */
  skipped: Partial<Record<Name, string>>
  /** Why, where measuring it went wrong: what it had measured before is worth nothing. */
  failed: Partial<Record<Name, string>>
  findings: Partial<Record<ProductName, ProductFindings>>
  /** Requests per second, not readings. */
  api?: ApiResults
  memory?: Memory
  streams?: Streams
  explained?: Explained
  replay?: Replay
}

export interface Facts {
  postgres: string
  mosquitto: string | null
  seconds: number
  repeats: number
  warmUpS: number
  at: Date
}

/** Something that the product promises of its speed. */
export interface Verdict {
  what: string
  value: number
  /** Missing this is a failure. */
  bound: number
  /** Missing this is only said. */
  goal?: number
  reached: boolean
}

const least = {
  ofLimit: { bound: 0.55, goal: 0.75 },
  timesSerial: { embedded: 20, mosquitto: 15 },
  timesConcurrent: 3,
  replayOfCursor: 0.5,
}
const leastOfApi = { counts: 0.6, notModified: 0.8, list: 0.8, timesQueried: 10 }
const mostMbPerMinute = 1
const mostTimesBare = 2.5
/** The slowest answer in a hundred beside that of one indexed query. */
const mostTimesIndexed = 5
/** That a dry run may hold more at its end than after a fifth of its way. */
const mostReplayGrowthMb = 10

/** The load whose latency is the one of the summary. */
const summaryShare = 0.8

export type Summary = ReturnType<typeof summarize>

/** Everything that a run can say, and null for what it did not measure: nothing is estimated. */
export function summarize(results: Results, facts: Facts) {
  const rates = Object.fromEntries(names.map((name) => [name, rateOf(results.windows[name])])) as Rates
  const limits = {
    embedded: smaller(rates.hook, rates['embedded-database']),
    mosquitto: smaller(rates.subscriber, rates['mosquitto-database']),
  }
  const ratios = {
    embedded: quotient(rates.embedded, limits.embedded),
    mosquitto: quotient(rates.mosquitto, limits.mosquitto),
  }
  const times = {
    embedded: timesOf('embedded', rates),
    mosquitto: timesOf('mosquitto', rates),
  }
  const product = (name: ProductName) => {
    const findings = results.findings[name]
    return rates[name] === null
      ? null
      : {
          rate: Math.round(rates[name]),
          limit: whole(limits[name]),
          ratio: round(ratios[name], 3),
          ...latencyOf(findings?.latencies.find(({ share }) => share === summaryShare)),
          latency: findings?.latencies.map(({ share, duePerSecond, committedPerSecond, ...latency }) => ({
            share,
            due: duePerSecond,
            committed: Math.round(committedPerSecond),
            ...latencyOf(latency),
          })),
          acknowledged: findings?.acknowledged,
          faults: findings?.faults ?? [],
        }
  }
  return {
    embedded: product('embedded'),
    mosquitto: product('mosquitto'),
    peers: {
      serial: whole(rates.serial),
      concurrent: whole(rates.concurrent),
      node_red: whole(rates['node-red']),
    },
    limits: {
      hook: whole(rates.hook),
      subscriber: whole(rates.subscriber),
      embedded_database: whole(rates['embedded-database']),
      mosquitto_database: whole(rates['mosquitto-database']),
      database: whole(rates.database),
    },
    times,
    api: apiOf(results.api),
    memory: results.memory ?? null,
    streams: results.streams ?? null,
    explain: results.explained ?? null,
    replay: results.replay ?? null,
    verdicts: [
      ...verdictsOf({ ratios, times, memory: results.memory, streams: results.streams, explained: results.explained }),
      ...apiVerdicts(apiOf(results.api)),
      ...replayVerdicts(results.replay),
    ],
    skipped: results.skipped,
    failed: results.failed,
    others: round(mostOthers(results), 2),
    windows: results.windows,
    machine: {
      ...machine(totalmem()),
      system: `${type()} ${release()}`,
      node: process.version,
      postgres: facts.postgres,
      mosquitto: facts.mosquitto,
    },
    run: { at: facts.at.toISOString(), seconds: facts.seconds, repeats: facts.repeats, warm_up: facts.warmUpS },
  }
}

/** Why figures do not count; empty where they do. */
export function faultsOf({ embedded, mosquitto, replay, failed }: Summary): string[] {
  const differences = replay?.differences ?? 0
  return [
    ...(differences > 0 ? [`replay: ${differences} differences from what was recorded`] : []),
    ...Object.entries(failed).map(([name, reason]) => `${name}: ${reason}`),
    ...(embedded?.faults ?? []).map((fault) => `embedded: ${fault}`),
    ...(mosquitto?.faults ?? []).map((fault) => `mosquitto: ${fault}`),
  ]
}

/** Why the run is a failure: what is not sound, and which bounds are missed; empty where all is well. */
export function failuresOf(summary: Summary): string[] {
  const missed = summary.verdicts.filter(({ reached }) => !reached)
  return [...faultsOf(summary), ...missed.map(({ what }) => `missed: ${what}`)]
}

type Rates = Record<Name, number | null>
type Times = Record<'serial' | 'concurrent' | 'node_red', number | null>

function timesOf(name: ProductName, rates: Rates): Times {
  return {
    serial: round(quotient(rates[name], rates.serial), 1),
    concurrent: round(quotient(rates[name], rates.concurrent), 1),
    node_red: round(quotient(rates[name], rates['node-red']), 1),
  }
}

function verdictsOf({
  ratios,
  times,
  memory,
  streams,
  explained,
}: {
  ratios: Record<ProductName, number | null>
  times: Record<ProductName, Times>
  memory: Memory | undefined
  streams: Streams | undefined
  explained: Explained | undefined
}): Verdict[] {
  const products = ['embedded', 'mosquitto'] as const
  const { ofLimit, timesSerial, timesConcurrent } = least
  return [
    ...products.map((name) => atLeast(`${name}: share of the limit`, round(ratios[name], 3), ofLimit)),
    ...products.map((name) => {
      return atLeast(`${name}: times the serial peer`, times[name].serial, { bound: timesSerial[name] })
    }),
    ...products.map((name) => {
      return atLeast(`${name}: times the concurrent peer`, times[name].concurrent, { bound: timesConcurrent })
    }),
    memoryVerdict(memory),
    streamsVerdict(streams),
    explainVerdict(explained),
  ].filter((verdict) => verdict !== undefined)
}

/** Undefined where it was not measured. */
function atLeast(what: string, value: number | null, bounds: { bound: number; goal?: number }): Verdict | undefined {
  return value === null ? undefined : { what, value, ...bounds, reached: value >= bounds.bound }
}

/** Rates, and what they are of those beside them. */
function apiOf(results: ApiResults | undefined) {
  if (results === undefined) return null
  const { windows, bytes } = results
  const rates = Object.fromEntries(apiNames.map((name) => [name, whole(rateOf(windows[name]))])) as Record<
    ApiName,
    number | null
  >
  const ratios = {
    counts: round(quotient(rates.counts, rates.hello), 3),
    not_modified: round(quotient(rates.not_modified, rates.hello), 3),
    list: round(quotient(rates.list, rates.constant), 3),
    times_queried: round(quotient(rates.list, rates.queried), 1),
  }
  return { rates, ratios, bytes, windows }
}

function apiVerdicts(api: ReturnType<typeof apiOf>): Verdict[] {
  if (api === null) return []
  const { counts, not_modified: notModified, list, times_queried: timesQueried } = api.ratios
  return [
    atLeast('api: counts of 500 spaces, of a hello world', counts, { bound: leastOfApi.counts }),
    atLeast('api: 304, of a hello world', notModified, { bound: leastOfApi.notModified }),
    atLeast('api: list of 500 spaces, of a constant body of its size', list, { bound: leastOfApi.list }),
    atLeast('api: list of 500 spaces, times the same queried', timesQueried, { bound: leastOfApi.timesQueried }),
  ].filter((verdict) => verdict !== undefined)
}

function memoryVerdict(memory: Memory | undefined): Verdict | undefined {
  if (memory === undefined) return undefined
  const { mbPerMinute } = memory.resident
  return {
    what: 'memory: growth in MB per minute, after collections',
    value: Number(mbPerMinute.toFixed(2)),
    bound: mostMbPerMinute,
    reached: mbPerMinute < mostMbPerMinute,
  }
}

function streamsVerdict(streams: Streams | undefined): Verdict | undefined {
  if (streams === undefined) return undefined
  const value = Number(streams.ratio.toFixed(2))
  return { what: 'sse: p99 by that of a bare fan-out', value, bound: mostTimesBare, reached: value <= mostTimesBare }
}

function explainVerdict(explained: Explained | undefined): Verdict | undefined {
  if (explained === undefined) return undefined
  const value = Number(explained.times.toFixed(1))
  return {
    what: 'explain: times one indexed query, p99',
    value,
    bound: mostTimesIndexed,
    reached: value <= mostTimesIndexed,
  }
}

function replayVerdicts(replay: Replay | undefined): Verdict[] {
  if (replay === undefined) return []
  const growth = Number((replay.heapMb.last - replay.heapMb.first).toFixed(1))
  const ofCursor = atLeast('replay: dry run, share of the rate of a cursor', round(replay.ratio, 3), {
    bound: least.replayOfCursor,
  })
  return [
    ...(ofCursor === undefined ? [] : [ofCursor]),
    {
      what: 'memory of a dry run: growth in MB after its first fifth',
      value: growth,
      bound: mostReplayGrowthMb,
      reached: growth < mostReplayGrowthMb,
    },
  ]
}

/** Most cores that other programs had while something was measured. */
function mostOthers({ windows, api, findings }: Results): number {
  const latencies = Object.values(findings).flatMap(({ latencies: all }) => all)
  return Math.max(
    0,
    ...[...Object.values(windows), ...Object.values(api?.windows ?? {}), latencies]
      .flat()
      .map(({ cores }) => cores['others'] ?? 0),
  )
}

function rateOf(windows: readonly Window[] | undefined): number | null {
  return windows === undefined || windows.length === 0 ? null : median(windows.map(({ rate }) => rate))
}

function latencyOf(latency: { p50Ms: number | null; p99Ms: number | null } | undefined) {
  return { p50_ms: round(latency?.p50Ms ?? null, 1), p99_ms: round(latency?.p99Ms ?? null, 1) }
}

function smaller(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : Math.min(one, other)
}

function quotient(dividend: number | null, divisor: number | null): number | null {
  return dividend === null || divisor === null ? null : dividend / divisor
}

function whole(value: number | null): number | null {
  return value === null ? null : Math.round(value)
}

function round(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits))
}
