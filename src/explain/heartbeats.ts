import type { Heartbeats } from '../occupancy/freshness.ts'
import { isFullyLearned, withHeartbeat } from '../occupancy/freshness.ts'
import type { Source, SpaceState } from '../occupancy/state.ts'
import { selectSaidHeartbeat, type HeartbeatRow, type HeartbeatsWanted } from '../store/explain-heartbeats.ts'
import type { ExplainedSpace, SaidPolicy } from '../store/explain-space.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { decodedPart } from './decoded.ts'
import { policyAt, rulesThatLearn } from './policy-at.ts'

/**
 * What the heartbeats of a space's devices had taught (occupancy/freshness.ts) where a fold begins, and which readings behind
 * it are heartbeats. The log says that in payloads alone, so it is looked for only where there may be any: as far back
 * as it takes to learn all that is kept of them.
 */
export interface Learned {
  /** By device. */
  readonly before: ReadonlyMap<string, Heartbeats>
  /** Keys of readings behind the beginning. */
  readonly heartbeats: ReadonlySet<string>
}

export const nothingLearned: Learned = { before: new Map(), heartbeats: new Set() }

export interface LearnedFrom extends Pick<HeartbeatsWanted, 'order' | 'upTo' | 'arrivedUntil'> {
  readonly said: readonly SaidPolicy[]
  /** Whose readings are folded, by their codes. */
  readonly devices: ReadonlySet<string>
  /** Place of the last one before the fold: in the space's order, or a time of evidence. */
  readonly beginsBehind: number
  /** What was known of them at some place before all that is kept. */
  readonly kept: { readonly behind: number; readonly state: SpaceState } | undefined
}

const hourMs = 3_600_000
/** So far back, and so many of them: nearly always the first is enough. */
const looks = [
  { backMs: 6 * hourMs, limit: 32 },
  { backMs: 48 * hourMs, limit: 64 },
  { backMs: 16 * 24 * hourMs, limit: 200 },
  { backMs: Infinity, limit: 500 },
]

export async function learned(tx: TenantTransaction, space: ExplainedSpace, from: LearnedFrom): Promise<Learned> {
  const before = new Map<string, Heartbeats>()
  const heartbeats = new Set<string>()
  for (const device of from.devices) {
    if (!maySayHeartbeat(device, space, from)) continue
    // oxlint-disable-next-line no-await-in-loop -- one or two devices
    const found = await learnedOf(tx, { space, device, from })
    if (found.before !== undefined) before.set(device, found.before)
    for (const key of found.heartbeats) heartbeats.add(key)
  }
  return { before, heartbeats }
}

/** Of a device that never said so nothing need be read: what is known of it now would say so. */
function maySayHeartbeat(device: string, { live }: ExplainedSpace, { said }: LearnedFrom): boolean {
  if (unlearning(said).length > 0) return true
  const source = live?.sources.find((one) => one.device === device)
  return source === undefined || source.heartbeats !== undefined
}

async function learnedOf(
  tx: TenantTransaction,
  { space, device, from }: { space: ExplainedSpace; device: string; from: LearnedFrom },
): Promise<{ before: Heartbeats | undefined; heartbeats: string[] }> {
  const { said, order, upTo, arrivedUntil, beginsBehind, kept } = from
  const known = kept?.state.sources.find((one) => one.device === device)?.heartbeats
  const deviceIds = space.devices.filter(({ code }) => code === device).map(({ id }) => id)
  let folded: { before: Heartbeats | undefined; heartbeats: string[] } = { before: known, heartbeats: [] }
  for (const { backMs, limit } of looks) {
    const arrivedAfter = arrivedUntil - backMs
    const wanted = { spaceId: space.id, deviceIds, order, upTo, arrivedAfter, arrivedUntil, limit }
    // oxlint-disable-next-line no-await-in-loop -- only where what was read is not enough
    const rows = await selectSaidHeartbeat(tx, { ...wanted, unlearning: unlearning(said), since: kept?.behind ?? 0 })
    const isAll = backMs === Infinity && rows.length < limit
    const oldestFirst = rows.toReversed().map((row) => ({ row, place: placeOf(row, order) }))
    const passed = oldestFirst.filter(({ place }) => place <= beginsBehind)
    let before = isAll ? known : undefined
    let isCertain = isAll
    for (const { row } of passed) {
      const policy = policyAt(said, row.policyVersion)
      const clock = row.clock ?? 'device'
      before = withHeartbeat(before, { at: row.observedAt, clock, heartbeat: isHeartbeat(row), policy })
      isCertain ||= before === undefined || isFullyLearned(before)
    }
    const heartbeats = oldestFirst.filter(({ row, place }) => place > beginsBehind && isHeartbeat(row))
    folded = { before, heartbeats: heartbeats.map(({ row }) => keyOf(row)) }
    if (isCertain) break
  }
  return folded
}

const placeOf = (row: HeartbeatRow, order: LearnedFrom['order']) =>
  order === 'input_seq' ? row.inputSeq : row.observedAt

function isHeartbeat(row: HeartbeatRow): boolean {
  const decoded = decodedPart(row, row.payload)
  return row.rulesVersion >= rulesThatLearn && decoded?.ok === true && decoded.reading.heartbeat === true
}

export function keyOf({ id, part }: { id: string; part: number }): string {
  return `${id}/${part}`
}

/** Versions [from, to) under which nothing is learned, and what was is forgotten. */
function unlearning(said: readonly SaidPolicy[]): { from: number; to: number }[] {
  const starts = [...new Set([0, ...said.map(({ version }) => version)])].toSorted((a, b) => a - b)
  return starts
    .map((from, index) => ({ from, to: starts[index + 1] ?? 2 ** 31 - 1 }))
    .filter(({ from }) => !policyAt(said, from).learn_freshness)
}

/** As a state keeps them, without what would judge a clock again. */
export function sourcesOf(before: Learned['before']): Source[] {
  return [...before].map(([device, heartbeats]) => ({ ...unjudged(device), heartbeats }))
}

export function withoutProgress(sources: readonly Source[]): Source[] {
  return sources.flatMap(({ device, heartbeats }) =>
    heartbeats === undefined ? [] : [{ ...unjudged(device), heartbeats }],
  )
}

const unjudged = (device: string): Source => ({ device, session: '', counter: null, at: 0, aheadUntil: null })
