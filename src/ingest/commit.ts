import type { Clock } from '../clock.ts'
import type { SpaceState } from '../occupancy/state.ts'
import {
  addOrphans,
  addToLedger,
  notePresence,
  outcomes,
  type LedgerEntry,
  type Orphan,
  type Outcome,
} from '../store/books.ts'
import {
  deviceKey,
  findTenants,
  type DeviceDirectory,
  type KnownDevice,
  type KnownTenant,
  type WantedDevice,
} from '../store/device-directory.ts'
import { findLastContents, findSeen, insertReadings, type ReadingRow } from '../store/readings.ts'
import type { SystemDatabase, SystemTransaction } from '../store/transactions.ts'
import { SpaceWriter, type WriterMemory } from '../store/writer.ts'
import { candidateOf, identitiesToLookUp, isLive, isWanted, judge, type Candidate } from './judge.ts'
import { sizeOf, type Message, type Presence, type Received } from './message.ts'

export interface CommitContext {
  readonly database: SystemDatabase
  readonly memory: WriterMemory
  readonly directory: DeviceDirectory
  readonly clock: Clock
  /** The name under which the books of this process are kept. */
  readonly writer: string
  /** Told just before COMMIT: with it the fate of the batch can be found out should the answer be lost. */
  readonly onPrepared?: (prepared: Prepared) => void
}

export interface Prepared {
  readonly transactionId: string
  readonly committed: Committed
}

export interface Committed {
  /** How many readings were logged, by the slug of their tenant and by outcome. */
  readonly counts: readonly { readonly tenant: string; readonly outcome: Outcome; readonly count: number }[]
  /** Messages whose tenant does not exist: refused at the door, not logged. */
  readonly unknownTenant: readonly Received[]
}

/** Up to here the statements of a batch take less time to be executed than it takes to plan them. */
const mostFewReadings = 250

/**
 * One transaction for a batch: log the raw messages, step the spaces, write states, sessions, books and events. When
 * this returns, it is committed, and everything in the batch may be acknowledged.
 */
export async function commitBatch(context: CommitContext, batch: readonly Received[]): Promise<Committed> {
  const fewRows = sizeOf(batch).readings <= mostFewReadings
  const commit = async (tx: SystemTransaction) => {
    const [transaction, tenants] = await Promise.all([
      tx<{ id: string }[]>`SELECT pg_current_xact_id()::text AS id`,
      findTenants(tx, [...new Set(batch.map((received) => received.tenant))]),
    ])
    const known = batch.filter((received) => tenants.has(received.tenant))
    const messages = known.filter((received) => received.kind === 'readings')
    await heard(tx, { tenants, presences: known.filter((received) => received.kind === 'presence') })
    const stepped = await stepAndLog(tx, { context, tenants, messages })
    const unknownTenant = batch.filter((received) => !tenants.has(received.tenant))
    const prepared = { counts: countsOf(stepped?.ledger ?? [], tenants), unknownTenant }
    context.onPrepared?.({ transactionId: transaction[0]?.id ?? '0', committed: prepared })
    return { committed: prepared, logged: stepped }
  }
  const { committed, logged } = await context.database.withSystem(commit, { fewRows })
  // Postgres answers the COMMIT of a transaction in which a statement failed with a rollback, not with an error:
  // only when each of them succeeded too is the batch committed.
  await logged?.written()
  logged?.writer.committed()
  return committed
}

function countsOf(ledger: readonly LedgerEntry[], tenants: Tenants): Committed['counts'] {
  const slugs = new Map(Array.from(tenants.values(), ({ id, slug }) => [id, slug]))
  return ledger.flatMap(({ tenantId, counts }) =>
    outcomes
      .filter((outcome) => counts[outcome] > 0)
      .map((outcome) => ({ tenant: slugs.get(tenantId) ?? '', outcome, count: counts[outcome] })),
  )
}

type Tenants = ReadonlyMap<string, KnownTenant>

async function heard(tx: SystemTransaction, { tenants, presences }: { tenants: Tenants; presences: Presence[] }) {
  const newest = new Map(
    presences.map((heardOf) => [`${heardOf.tenant} ${heardOf.speaker.kind} ${heardOf.speaker.code}`, heardOf]),
  )
  await notePresence(
    tx,
    [...newest.values()].map(({ tenant, speaker, presence, delivery }) => ({
      tenantId: tenants.get(tenant)?.id ?? '',
      ...speaker,
      presence,
      at: delivery.receivedAtMs,
    })),
  )
}

async function stepAndLog(
  tx: SystemTransaction,
  { context, tenants, messages }: { context: CommitContext; tenants: Tenants; messages: Message[] },
): Promise<Logged | undefined> {
  if (messages.length === 0) return undefined
  const { rows, writer } = await judgeMessages(tx, { context, tenants, messages })
  const ledger = ledgerOf(rows)
  const orphans = orphansIn(rows, messages)
  const recordedAt = context.clock.now()
  const statements = [
    () => insertReadings(tx, rows),
    () => writer.writeStates(recordedAt),
    () => addOrphans(tx, orphans),
    () => addToLedger(tx, context.writer, ledger),
    () => writer.writeEvents(recordedAt),
  ]
  return { ledger, writer, written: await send(statements, { inTurn: writer.readsToWrite }) }
}

/** What a rehearsal remembers from one batch to the next, because nothing of it is written. */
export interface Rehearsal {
  readonly states: Map<string, SpaceState>
  /** As in `Known`. */
  readonly seen: Set<string>
}

export interface Judged {
  readonly rows: ReadingRow[]
  /** Holds the locks of the spaces, and what is to be written of them. */
  readonly writer: SpaceWriter
}

/** Resolves, locks, looks up and judges: all that decides about a batch. Writes nothing. */
export async function judgeMessages(
  tx: SystemTransaction,
  {
    context,
    tenants,
    messages,
    rehearsal,
  }: {
    context: Pick<CommitContext, 'directory' | 'memory'>
    tenants: Tenants
    messages: readonly Message[]
    rehearsal?: Rehearsal
  },
): Promise<Judged> {
  const devices = await context.directory.find(tx, wantedDevices(messages, tenants))
  const candidates = candidatesOf(messages, devices)
  const live: Candidate[] = []
  for (const ofMessage of candidates) {
    for (const candidate of ofMessage) {
      if (candidate !== undefined && isLive(candidate.message)) live.push(candidate)
    }
  }
  const writer = await SpaceWriter.lock(tx, context.memory, spacesOf(live, tenants))
  if (rehearsal !== undefined) recall(rehearsal, writer)
  const nameless = live.filter(({ message, identity }) => message.delivery.duplicate && identity === undefined)
  // What an earlier batch of a rehearsal took is in no log: there each identity counts.
  const lookedUp =
    rehearsal === undefined ? identitiesToLookUp(live, writer) : new Set(live.flatMap(({ identity }) => identity ?? []))
  const [found, lastContents] = await Promise.all([
    findSeen(tx, [...lookedUp]),
    findLastContents(tx, [...new Set(nameless.map(({ device }) => device.id))]),
  ])
  // Those of a rehearsal are many, and are not copied: what was found is added to them.
  const seen = rehearsal?.seen ?? found
  if (rehearsal !== undefined) for (const key of found) seen.add(key)
  const known = { writer, lookedUp, seen, lastContents: nameless.length > 0 ? lastContents : undefined }
  const rows: ReadingRow[] = []
  for (const [index, message] of messages.entries()) {
    const tenant = tenants.get(message.tenant) as KnownTenant
    judge(message, { tenant, candidates: candidates[index] ?? [], known, rows })
  }
  if (rehearsal !== undefined) remember(rehearsal, writer)
  return { rows, writer }
}

function recall({ states }: Rehearsal, writer: SpaceWriter): void {
  for (const space of writer.spaces) space.state = states.get(space.spaceId) ?? space.state
}

function remember({ states }: Rehearsal, writer: SpaceWriter): void {
  for (const { spaceId, state } of writer.spaces) states.set(spaceId, state)
}

interface Logged {
  ledger: LedgerEntry[]
  writer: SpaceWriter
  /** Settles when the last statement did: to be awaited after COMMIT. */
  written: Settlement
}

/** A promise that is not awaited by being returned. */
type Settlement = () => Promise<void>

/**
 * Sends the statements one behind the other without waiting for answers, and COMMIT right behind them: the last lock,
 * which orders the commits of a tenant, is then held while Postgres works and not while this process does
 * something else.
 *
 * @param inTurn each one waits for the one before it, because it reads what that wrote
 */
async function send(
  statements: readonly (() => Promise<void>)[],
  { inTurn }: { inTurn: boolean },
): Promise<Settlement> {
  const sent: Promise<void>[] = []
  for (const statement of statements) {
    const answer = statement()
    // oxlint-disable-next-line no-await-in-loop -- that is what `inTurn` asks for
    if (inTurn) await answer
    sent.push(answer)
  }
  const all = Promise.all(sent)
  // Whoever awaits it comes after COMMIT: until then a failure is nobody's.
  all.catch(() => {})
  return async () => {
    await all
  }
}

/** One for each part that was decoded, in order. */
function wantedDevices(messages: readonly Message[], tenants: Tenants): WantedDevice[] {
  const wanted: WantedDevice[] = []
  for (const message of messages) {
    const tenant = tenants.get(message.tenant) as KnownTenant
    for (const part of message.parts) if (part.ok) wanted.push({ tenant, device: part.device })
  }
  return wanted
}

/**
 * The readings of known devices, by message and part.
 *
 * @param devices as `wantedDevices` asked for them
 */
function candidatesOf(
  messages: readonly Message[],
  devices: readonly (KnownDevice | undefined)[],
): (Candidate | undefined)[][] {
  let asked = 0
  return messages.map((message) =>
    message.parts.map((decoded, part) => {
      const device = decoded.ok ? devices[asked++] : undefined
      if (!decoded.ok || device === undefined || !isWanted(message, part)) return undefined
      return candidateOf(message, part, { decoded, device })
    }),
  )
}

function spacesOf(candidates: readonly Candidate[], tenants: Tenants): { tenantId: string; spaceId: string }[] {
  const spaces = new Map<string, string>()
  for (const { message, spaceAt, spaceNow } of candidates) {
    const tenantId = tenants.get(message.tenant)?.id ?? ''
    if (spaceAt !== undefined) spaces.set(spaceAt, tenantId)
    if (spaceNow !== undefined) spaces.set(spaceNow, tenantId)
  }
  return Array.from(spaces, ([spaceId, tenantId]) => ({ tenantId, spaceId }))
}

function orphansIn(rows: readonly ReadingRow[], messages: readonly Message[]): Orphan[] {
  const unknown = rows.filter(({ outcome, device }) => outcome === 'unknown_device' && device !== null)
  if (unknown.length === 0) return []
  const payloads = new Map(messages.map((message) => [message.id, message.delivery.payload]))
  const orphans = new Map<string, Orphan>()
  for (const row of unknown) {
    const { tenantId, device, receivedAt, topic } = row
    if (device === null) continue
    const key = deviceKey(tenantId, device)
    const heardSoFar = orphans.get(key)?.heard ?? 0
    orphans.set(key, {
      tenantId,
      device,
      heardAt: receivedAt,
      heard: heardSoFar + 1,
      topic,
      payload: payloads.get(row.id) ?? Buffer.alloc(0),
    })
  }
  return [...orphans.values()]
}

const minuteMs = 60_000

function ledgerOf(rows: readonly ReadingRow[]): LedgerEntry[] {
  const entries: LedgerEntry[] = []
  // Almost always the same one as for the row before.
  let entry: LedgerEntry | undefined
  for (const { tenantId, receivedAt, outcome } of rows) {
    const minute = receivedAt - (receivedAt % minuteMs)
    if (entry?.minute !== minute || entry.tenantId !== tenantId) {
      entry = entries.find((other) => other.minute === minute && other.tenantId === tenantId)
      if (entry === undefined) entries.push((entry = { tenantId, minute, counts: noCounts() }))
    }
    entry.counts[outcome] += 1
  }
  return entries
}

function noCounts(): LedgerEntry['counts'] {
  return Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as LedgerEntry['counts']
}
