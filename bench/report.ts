import { release, totalmem, type } from 'node:os'
import { machine, type Machine } from './cpu.ts'
import { median, quietCores, type Window } from './measure.ts'
import type { Embedded } from './targets/embedded.ts'
import type { Serial } from './targets/serial.ts'
import type { Measured } from './targets/target.ts'

/** What one run measured; undefined where it was left out. */
export interface Results {
  embedded?: Embedded
  serial?: Serial
  hook?: Measured
  database?: Measured
}

export interface Facts {
  postgres: string
  seconds: number
  repeats: number
}

/** Goal of the product: committed readings per second, as a multiple of the serial peer's. */
export const goalTimes = 15

const later = 'comes later'

/** Everything that a run can say, and null for what it did not measure: nothing is estimated. */
export function toJson(results: Results, facts: Facts) {
  const { embedded, serial, hook, database } = results
  const limit = hook && database ? Math.min(rateOf(hook), rateOf(database)) : null
  const rate = embedded ? rateOf(embedded) : null
  const serialRate = serial ? rateOf(serial) : null
  return {
    embedded: embedded && {
      rate: whole(rate),
      limit: whole(limit),
      ratio: rate === null || limit === null ? null : round(rate / limit, 3),
      p50_ms: round(embedded.p50Ms, 1),
      p99_ms: round(embedded.p99Ms, 1),
      latency_at: { published: embedded.pacedPerSecond, acknowledged: whole(embedded.keptUpPerSecond) },
      sound: embedded.faults.length === 0,
    },
    mosquitto: null,
    peers: { serial: whole(serialRate), concurrent: null, node_red: null },
    times: { serial: rate === null || serialRate === null ? null : round(rate / serialRate, 1) },
    limits: { hook: hook ? whole(rateOf(hook)) : null, database: database ? whole(rateOf(database)) : null },
    others: round(busiestOthers(results), 2),
    windows: {
      embedded: embedded?.windows,
      serial: serial?.windows,
      hook: hook?.windows,
      database: database?.windows,
    },
    machine: { ...machineFacts(), postgres: facts.postgres },
    run: {
      at: new Date().toISOString(),
      seconds: facts.seconds,
      repeats: facts.repeats,
      serial_broker: serial?.broker,
    },
  }
}

/** Most cores that other programs had while something was measured. */
function busiestOthers(results: Results): number {
  const measured: (Measured | undefined)[] = Object.values(results)
  return Math.max(0, ...measured.flatMap((one) => one?.windows ?? []).map(({ cores }) => cores['others'] ?? 0))
}

function machineFacts(): Machine & { system: string; node: string } {
  return { ...machine(totalmem()), system: `${type()} ${release()}`, node: process.version }
}

export function toTable(results: Results, facts: Facts): string {
  const { embedded, serial, hook, database } = results
  const { embedded: summary, times, machine: facts_ } = toJson(results, facts)
  const lines = [
    row('committed readings per second', ['median', 'all windows', 'cores in use']),
    ...(embedded ? [measuredRow('Baywire, embedded broker', embedded)] : []),
    ...(serial ? [measuredRow(`serial peer (mqtt.js, ${serial.broker})`, serial)] : []),
    ...(hook ? [measuredRow('limit: aedes hook + JSON.parse', hook)] : []),
    ...(database ? [measuredRow('limit: own commit, no broker', database)] : []),
    row('external Mosquitto', [later]),
    row('concurrent peer, Node-RED', [later]),
    '',
  ]
  if (times.serial !== null) {
    lines.push(`${times.serial} times the serial peer (goal: at least ${goalTimes})`)
  }
  if (summary?.ratio != null) lines.push(`${Math.round(summary.ratio * 100)} % of the limit of this run`)
  if (embedded) {
    const { p50Ms, p99Ms, pacedPerSecond, keptUpPerSecond } = embedded
    const pace = `${number(pacedPerSecond)}/s published and ${number(keptUpPerSecond)}/s acknowledged`
    lines.push(`PUBACK at ${pace}: p50 ${milliseconds(p50Ms)}, p99 ${milliseconds(p99Ms)}`)
    lines.push(
      embedded.faults.length === 0
        ? `sound: all ${number(embedded.acknowledged)} acknowledged are in the log, ledger balanced, replay --verify equal`
        : `NOT SOUND: ${embedded.faults.join('; ')}`,
    )
  }
  const others = busiestOthers(results)
  if (others > quietCores) {
    lines.push(`NOT QUIET: other programs had up to ${others.toFixed(2)} cores; figures of this run cannot be compared`)
  }
  const { processor, cores, memoryGb, system, node, postgres } = facts_
  lines.push(`${cores} x ${processor}, ${memoryGb} GB, ${system}, Node ${node}, Postgres ${postgres}`)
  return lines.join('\n')
}

function measuredRow(name: string, { windows }: Measured): string {
  const rates = windows.map(({ rate }) => number(rate)).join(' ')
  return row(name, [number(median(windows.map(({ rate }) => rate))), rates, coresOf(windows)])
}

function row(name: string, [first = '', second = '', third = '']: readonly string[]): string {
  return `${name.padEnd(34)} ${first.padStart(11)}  ${second.padEnd(24)} ${third}`.trimEnd()
}

/** Of the last window: who used what. */
function coresOf(windows: readonly Window[]): string {
  const cores = windows.at(-1)?.cores ?? {}
  return Object.entries(cores)
    .filter(([, used]) => !Number.isNaN(used))
    .map(([name, used]) => `${name} ${used.toFixed(2)}`)
    .join(', ')
}

function rateOf({ windows }: Measured): number {
  return median(windows.map(({ rate }) => rate))
}

function whole(value: number | null): number | null {
  return value === null ? null : Math.round(value)
}

function round(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits))
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function milliseconds(value: number | null): string {
  return value === null ? '-' : `${value.toFixed(1)} ms`
}
