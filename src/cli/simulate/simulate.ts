import { BaywireError } from '../../errors.ts'
import { createCredential } from '../../store/credentials.ts'
import { inTenant, provision, type NewTenant } from '../../store/provision.ts'
import type { TenantDatabase } from '../../store/transactions.ts'
import type { Terminal } from '../terminal.ts'
import { openAckLog } from './ack-log.ts'
import type { Message } from './message.ts'
import { run, type RunCounts, type RunResult, type Sender } from './run.ts'
import type { Source } from './source.ts'

/**
 * A run, from the tenant to the last acknowledgement. The database is needed for as long as it takes to make
 * what is missing and the credentials, and not while readings are sent: it may go away with the broker.
 */
export interface SimulateOptions {
  tenant: string
  site: string
  gateways: number
  provision: boolean
  boot?: number | undefined
  ackLog?: string | undefined
  giveUpMs: number
}

export interface Gateway {
  tenant: string
  code: string
  secret: string
}

export interface GatewayConnection extends Sender {
  close(): Promise<void>
}

export interface SimulateDependencies {
  /** Opens the database for `work`, and closes it when that is done. */
  withDatabase<T>(work: (database: TenantDatabase) => Promise<T>): Promise<T>
  connect: (gateway: Gateway) => Promise<GatewayConnection>
  now: () => number
  terminal: Terminal
  signal?: AbortSignal | undefined
}

export interface SimulateSummary {
  published: number
  acknowledged: number
  readings: number
  seconds: number
  rate: number
  boot: number
  rebase_offset_ms: number
}

export interface SimulateOutcome {
  summary: SimulateSummary
  /** Why it ended before everything was acknowledged. */
  failure: BaywireError | undefined
}

/** Unacknowledged messages per connection: enough for large commits, little enough to be sent again. */
const window = 1000

export async function simulate(
  source: Source,
  options: SimulateOptions,
  dependencies: SimulateDependencies,
): Promise<SimulateOutcome> {
  const { now, terminal } = dependencies
  const boot = options.boot ?? Math.floor(now() / 1000)
  const failed = new AbortController()
  const onError = (error: Error) => failed.abort(error)
  const ackLog = options.ackLog === undefined ? undefined : openAckLog(options.ackLog, { boot, onError })
  let connections: GatewayConnection[] = []
  try {
    const gateways = await dependencies.withDatabase((database) => prepareGateways(database, source, options))
    connections = await connectAll(gateways, dependencies)
    const { lanes, rebaseOffsetMs } = source.lanes({ boot, now })
    const result = await run({
      lanes: lanes.flatMap((lane, index) => {
        const sender = connections[index]
        return sender === undefined ? [] : [{ lane, sender }]
      }),
      window,
      durationMs: source.durationMs,
      giveUpMs: options.giveUpMs,
      onAcknowledged: (message) => ackLog?.add(message),
      onProgress: (counts) => terminal.progress(describeProgress(counts)),
      signal: dependencies.signal === undefined ? failed.signal : AbortSignal.any([failed.signal, dependencies.signal]),
    })
    failed.signal.throwIfAborted()
    return { summary: summarize(result, { boot, rebaseOffsetMs }), failure: failureOf(result, options) }
  } finally {
    ackLog?.close()
    await Promise.all(connections.map((connection) => connection.close()))
  }
}

/** Makes what is missing, and new secrets for the gateways that this run speaks as. */
async function prepareGateways(
  database: TenantDatabase,
  source: Source,
  { tenant, site, gateways, provision: makeMissing }: SimulateOptions,
): Promise<Gateway[]> {
  const codes = Array.from({ length: gateways }, (_, index) => `simulator-${index + 1}`)
  const create: NewTenant | undefined = makeMissing ? { name: tenant, public: true } : undefined
  return await inTenant(database, { slug: tenant, create }, async (tx) => {
    const places = makeMissing ? placesOf(source.devices, site) : {}
    await provision(tx, { ...places, gateways: codes })
    const secrets: Gateway[] = []
    for (const code of codes) {
      // oxlint-disable-next-line no-await-in-loop -- one transaction takes one statement at a time
      secrets.push({ tenant, code, secret: await createCredential(tx, { kind: 'gateways', code }) })
    }
    return secrets
  })
}

/** A space and a device of the same code, for each. */
function placesOf(devices: readonly string[], site: string) {
  return {
    sites: [{ code: site }],
    spaces: devices.map((code) => ({ site, code })),
    devices: devices.map((code) => ({ code, at: { site, space: code } })),
  }
}

async function connectAll(
  gateways: readonly Gateway[],
  { connect }: SimulateDependencies,
): Promise<GatewayConnection[]> {
  const attempts = await Promise.allSettled(gateways.map((gateway) => connect(gateway)))
  const connections = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []))
  const failure = attempts.find((attempt) => attempt.status === 'rejected')
  if (failure === undefined) return connections
  await Promise.all(connections.map((connection) => connection.close()))
  throw failure.reason
}

function summarize(
  result: RunResult,
  { boot, rebaseOffsetMs }: { boot: number; rebaseOffsetMs: number },
): SimulateSummary {
  const { published, acknowledged, readings, seconds } = result
  return {
    published,
    acknowledged,
    readings,
    seconds: Number(seconds.toFixed(3)),
    rate: seconds > 0 ? Math.round(readings / seconds) : 0,
    boot,
    rebase_offset_ms: rebaseOffsetMs,
  }
}

function describeProgress({ published, acknowledged, readings }: RunCounts): string {
  return `${readings} readings acknowledged, ${published - acknowledged} messages in flight`
}

const mostNamed = 5

function failureOf({ gaveUp, missing }: RunResult, { giveUpMs }: SimulateOptions): BaywireError | undefined {
  if (!gaveUp) return undefined
  const named = missing.slice(0, mostNamed).map(nameMessage).join(', ')
  const more = missing.length > mostNamed ? ` and ${missing.length - mostNamed} more` : ''
  return new BaywireError(
    `gave up: nothing was acknowledged for ${giveUpMs / 1000} s, and ${missing.length} messages were not: ${named}${more}`,
    {
      advice:
        'look at `baywire start`: /ready says what is missing; run it again with the same --boot to send the rest',
    },
  )
}

function nameMessage({ readings }: Message): string {
  const [first] = readings
  const more = readings.length > 1 ? ` (and ${readings.length - 1} with it)` : ''
  return first === undefined ? '' : `${first.device} seq ${first.seq}${more}`
}
