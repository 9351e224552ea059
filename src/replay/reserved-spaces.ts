import type { Policy } from '../occupancy/policy.ts'
import { saysWhoStands, type EvidenceEvent } from '../occupancy/reservation-steps.ts'
import type { SpaceState } from '../occupancy/state.ts'
import type { Step } from '../occupancy/step.ts'
import {
  readRecordedEvidence,
  readReservationsIn,
  type RecordedEvidence,
  type RecordedReservation,
} from '../store/replayed-reservations.ts'
import type { SnapshotTransaction } from '../store/transactions.ts'
import type { NoShowRow } from './dry-run-report.ts'
import { noShowsOf } from './no-shows.ts'

/** Evidence so far ahead of a reservation is taken in for it: more than any is `soon` for. */
const aheadMs = 7 * 86_400_000

/** What the evidence of a space said from a time on, and the last before. */
export class EvidenceLog {
  readonly #from: number
  readonly events: EvidenceEvent[] = []
  before: EvidenceEvent | undefined

  constructor(from: number) {
    this.#from = from
  }

  take({ events }: Step): void {
    for (const { kind, rule, eventTime: at, state } of events) {
      const event = { inputSeq: 0, at, kind, rule, occupancy: state.occupancy, stale: state.stale }
      if (!saysWhoStands(event)) continue
      if (at < this.#from) this.before = event
      else this.events.push(event)
    }
  }
}

export interface ComparedNoShows {
  readonly added: readonly NoShowRow[]
  readonly removed: readonly NoShowRow[]
  /** Reservations that came to something else than the same rules make of what was recorded: nothing is said of them. */
  readonly untold: number
}

/** The reservations of the spaces that are folded under another policy: which would have become no-shows, and which not. */
export class ReservedSpaces {
  readonly #reservations: ReadonlyMap<string, readonly RecordedReservation[]>
  readonly #period: { readonly from: number; readonly to: number }

  private constructor(rows: readonly RecordedReservation[], period: { from: number; to: number }) {
    this.#reservations = bySpace(rows)
    this.#period = period
  }

  static async read(
    tx: SnapshotTransaction,
    { spaceIds, ...period }: { spaceIds: readonly string[]; from: number; to: number },
  ): Promise<ReservedSpaces> {
    return new ReservedSpaces(await readReservationsIn(tx, { spaceIds, ...period }), period)
  }

  /** To be kept of a space while it is folded; undefined where nothing of it was reserved. */
  logOf(spaceId: string): EvidenceLog | undefined {
    const from = this.#from(this.#reservations.get(spaceId) ?? [])
    return from === Infinity ? undefined : new EvidenceLog(from)
  }

  /** What was recorded of those of the spaces that have reservations. */
  async recorded(tx: SnapshotTransaction, spaceIds: readonly string[]): Promise<Map<string, RecordedEvidence[]>> {
    const reserved = spaceIds.filter((id) => this.#reservations.has(id))
    if (reserved.length === 0) return new Map()
    const from = Math.min(...reserved.map((id) => this.#from(this.#reservations.get(id) ?? [])))
    const evidence = await readRecordedEvidence(tx, { spaceIds: reserved, from, to: this.#period.to })
    return bySpace(evidence)
  }

  compare({ spaceId, path, recorded, replayed }: ReservedFold): ComparedNoShows {
    const endAt = this.#period.to
    const reservations = this.#reservations.get(spaceId) ?? []
    const { policy, state, evidence } = recorded
    const was = noShowsOf({
      reservations,
      policy,
      state,
      endAt,
      events: evidence.filter(({ isBefore }) => !isBefore),
      before: evidence.find(({ isBefore }) => isBefore),
    })
    const { events, before } = replayed.log
    const would = noShowsOf({ reservations, policy: replayed.policy, state: replayed.state, endAt, events, before })
    const rowOf = ({ id, startsAt }: RecordedReservation, at: number): NoShowRow => {
      return { reservation: id, space: path, start: new Date(startsAt).toISOString(), at: new Date(at).toISOString() }
    }
    const found = { added: [] as NoShowRow[], removed: [] as NoShowRow[], untold: 0 }
    for (const row of reservations.filter(({ startsAt }) => startsAt >= this.#period.from)) {
      const endedAt = row.state === 'no_show' && row.endedAt !== null && row.endedAt <= endAt ? row.endedAt : undefined
      const wouldAt = would.get(row.id)
      if (was.has(row.id) !== (endedAt !== undefined)) found.untold++
      else if (endedAt === undefined && wouldAt !== undefined) found.added.push(rowOf(row, wouldAt))
      else if (endedAt !== undefined && wouldAt === undefined) found.removed.push(rowOf(row, endedAt))
    }
    return found
  }

  #from(reservations: readonly RecordedReservation[]): number {
    return reservations.reduce((first, { startsAt }) => Math.min(first, startsAt - aheadMs), Infinity)
  }
}

function bySpace<Row extends { readonly spaceId: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const group = groups.get(row.spaceId)
    if (group === undefined) groups.set(row.spaceId, [row])
    else group.push(row)
  }
  return groups
}

interface ReservedFold {
  readonly spaceId: string
  readonly path: string
  readonly recorded: {
    readonly policy: Policy
    readonly evidence: readonly RecordedEvidence[]
    /** At the end, where that is when it was read. */
    readonly state: SpaceState | undefined
  }
  readonly replayed: { readonly policy: Policy; readonly log: EvidenceLog; readonly state: SpaceState }
}
