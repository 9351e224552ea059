import { median, quietCores, type Window } from './measure.ts'
import { apiNames, type ApiName } from './targets/api.ts'
import { faultsOf, names, type Name, type Summary, type Verdict } from './summary.ts'

/** A summary as people read it; the same text in a terminal and in docs/performance.md. */
export function toTable(summary: Summary): string {
  return [
    ...ratesOf(summary),
    ...latenciesOf(summary),
    ...apiOf(summary),
    ...memoryOf(summary),
    ...streamsOf(summary),
    ...explainOf(summary),
    ...replayOf(summary),
    ...summary.verdicts.map(verdictLine),
    ...soundnessOf(summary),
    ...machineOf(summary),
  ].join('\n')
}

const titles: Record<Name, string> = {
  embedded: 'Baywire, embedded broker',
  mosquitto: 'Baywire, Mosquitto',
  serial: 'peer by hand, serial',
  concurrent: 'peer by hand, 50 at once (*)',
  'node-red': 'peer Node-RED (*)',
  hook: 'ceiling: aedes hook + JSON.parse',
  subscriber: 'ceiling: Mosquitto, no-op mqtt.js',
  'embedded-database': 'ceiling: commits as embedded',
  'mosquitto-database': 'ceiling: commits as Mosquitto',
  database: 'commits of full batches (**)',
}

function ratesOf({ windows, skipped, failed, peers }: Summary): string[] {
  const rows = names.flatMap((name) => {
    const measured = windows[name]
    if (measured !== undefined) return [measuredRow(titles[name], measured)]
    if (failed[name] !== undefined) return [row(titles[name], ['FAILED', failed[name]])]
    return skipped[name] === undefined ? [] : [row(titles[name], ['skipped', skipped[name]])]
  })
  if (rows.length === 0) return []
  const early = peers.concurrent !== null || peers.node_red !== null
  return [
    row('readings per second', ['median', 'all windows', 'cores in use, and MB of memory at the end']),
    ...rows,
    ...(early ? ['(*) acknowledges before anything is written: what it holds is lost with the process'] : []),
    ...(windows.database === undefined
      ? []
      : ['(**) of 5,000, as they do not come in: no limit, but what earlier runs took for it']),
    '',
  ]
}

function measuredRow(title: string, windows: readonly Window[]): string {
  const rates = windows.map(({ rate }) => rate)
  return row(title, [count(median(rates)), rates.map(count).join(' '), useOf(windows.at(-1))])
}

/** Of the last window: who used what, and how many readings a transaction had. */
function useOf(window: Window | undefined): string {
  const uses = Object.entries(window?.cores ?? {})
    .filter(([, cores]) => !Number.isNaN(cores))
    .map(([name, cores]) => {
      const memory = window?.memoryMb[name]
      return `${name} ${cores.toFixed(2)}${memory === undefined ? '' : ` (${Math.round(memory)})`}`
    })
  return [...uses, window?.batch === undefined ? [] : `batches of ${count(window.batch)}`].flat().join(', ')
}

function row(title: string, [first = '', second = '', third = '']: readonly string[]): string {
  return `${title.padEnd(34)} ${first.padStart(8)}  ${second.padEnd(24)} ${third}`.trimEnd()
}

function latenciesOf({ embedded, mosquitto }: Summary): string[] {
  const all = [...pacesOf('embedded', 'PUBACK', embedded), ...pacesOf('mosquitto', 'COMMIT', mosquitto)]
  return all.length === 0 ? [] : [...all, '']
}

/** Of what was due, that was committed meanwhile; less, and it only waited longer and longer. */
const heldShare = 0.97

function pacesOf(name: string, until: string, product: Summary['embedded']): string[] {
  return (product?.latency ?? []).map(({ share, due, committed, p50_ms, p99_ms }) => {
    const pace = `${count(due)}/s due and ${count(committed)}/s committed (${percent(share)})`
    const held = committed < due * heldShare ? '; NOT HELD: what waited grew' : ''
    return `${name}, from due to ${until} at ${pace}: p50 ${milliseconds(p50_ms)}, p99 ${milliseconds(p99_ms)}${held}`
  })
}

const apiTitles: Record<ApiName, string> = {
  hello: 'hello world, same middleware',
  counts: 'counts of 500 spaces',
  not_modified: 'the same, 304',
  list: 'list of 500 spaces',
  constant: 'constant body, same size',
  queried: 'the list, queried per request',
}

function apiOf({ api }: Summary): string[] {
  // Figures of an earlier program may have none.
  if (!api) return []
  const heads = ['median', 'all windows', 'cores in use, and MB of memory at the end']
  return [
    row('requests per second', heads),
    ...apiNames.map((name) => measuredRow(apiTitles[name], api.windows[name])),
    `the list has ${count(api.bytes)} bytes`,
    '',
  ]
}

function memoryOf({ memory }: Summary): string[] {
  if (memory === null) return []
  const { running, resident, heap, perSecond, seconds } = memory
  const growth = ({ firstMb, lastMb, mbPerMinute }: typeof heap) =>
    `${firstMb.toFixed(1)} to ${lastMb.toFixed(1)} MB, ${mbPerMinute.toFixed(2)} MB per minute`
  return [
    `memory at ${count(perSecond)}/s for ${count(seconds)} s after the first minute:`,
    `  resident, as it runs           ${growth(running)}`,
    `  resident, after collections    ${growth(resident)}`,
    `  heap in use, after collections ${growth(heap)}`,
    '',
  ]
}

function streamsOf({ streams }: Summary): string[] {
  if (streams === null) return []
  const line = ({ p50Ms, p99Ms, kbPerClient }: typeof streams.product) =>
    `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, ${kbPerClient.toFixed(1)} KB per client`
  return [
    `an event to ${count(streams.clients)} clients, ${streams.changes} times:`,
    `  Baywire, from the PUBACK          ${line(streams.product)}`,
    `  bare fan-out, from the first write ${line(streams.bare)}`,
  ]
}

function explainOf({ explain }: Summary): string[] {
  if (explain === null) return []
  const { inputs, readings, days, questions, indexed } = explain
  const both = ({ p50Ms, p99Ms }: typeof indexed) => `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`
  return [
    `explain, a space of ${count(inputs)} inputs among ${count(readings)} readings on ${days} days, ${count(questions)} questions:`,
    `  one indexed query of its last reading: ${both(indexed)}`,
    `  explain at any moment of those days:   ${both(explain.explain)}`,
  ]
}

function replayOf({ replay }: Summary): string[] {
  if (replay === null) return []
  const { readings, cursor, dryRun, heapMb, residentMb } = replay
  const rates = (all: readonly number[]) => [count(median(all)), all.map(count).join(' ')]
  return [
    row('logged readings per second', ['median', 'all runs']),
    row('cursor that reads and parses', rates(cursor)),
    row('baywire replay --dry-run', rates(dryRun)),
    `dry run over ${count(readings)} readings: heap ${heapMb.first.toFixed(1)} MB after a fifth, ${heapMb.last.toFixed(1)} MB at the end, resident ${residentMb.toFixed(0)} MB`,
    '',
  ]
}

function verdictLine({ what, value, bound, goal, reached }: Verdict): string {
  const atMost = what.startsWith('sse') || what.startsWith('explain')
  const limit = what.startsWith('memory') ? 'below' : atMost ? 'at most' : 'at least'
  const aim = goal === undefined ? '' : `; goal ${goal}: ${value >= goal ? 'reached' : 'missed'}`
  return `${what}: ${value} (${limit} ${bound}: ${reached ? 'reached' : 'MISSED'}${aim})`
}

function soundnessOf(summary: Summary): string[] {
  const products = [summary.embedded, summary.mosquitto].filter((product) => product !== null)
  const faults = faultsOf(summary)
  const lines = faults.map((fault) => `NOT SOUND: ${fault}`)
  if (products.length > 0 && faults.length === 0) {
    const acknowledged = products.reduce((sum, product) => sum + (product.acknowledged ?? 0), 0)
    lines.push(`sound: all ${count(acknowledged)} acknowledged are in the log, ledger balanced, replay --verify equal`)
  }
  const { others } = summary
  if (others !== null && others > quietCores) {
    lines.push(`NOT QUIET: other programs had up to ${others.toFixed(2)} cores; figures of this run cannot be compared`)
  }
  return lines
}

function machineOf({ machine, run, windows, api }: Summary): string[] {
  const { processor, cores, memoryGb, system, node, postgres, mosquitto } = machine
  const programs = [
    system,
    `Node ${node}`,
    `Postgres ${postgres}`,
    ...(mosquitto === null ? [] : [`Mosquitto ${mosquitto}`]),
  ]
  const measured = Object.keys(windows).length > 0 || Boolean(api)
  const how = measured ? `, ${run.repeats} x ${run.seconds} s, each after ${run.warm_up} s of warming up` : ''
  return [run.at.slice(0, 10) + how, `${cores} x ${processor}, ${memoryGb} GB, ${programs.join(', ')}`]
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function milliseconds(value: number | null): string {
  return value === null ? '-' : `${value.toFixed(1)} ms`
}
