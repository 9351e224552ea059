import type { ReadingInput } from '../occupancy/input.ts'
import type { Policy } from '../occupancy/policy.ts'
import { projectSessions, type ParkingSession } from '../occupancy/sessions.ts'
import type { Candidate, SpaceState } from '../occupancy/state.ts'
import type { Step } from '../occupancy/step.ts'
import { plainOf } from './arrays.ts'
import type { PolicyCache } from './policies.ts'
import { projectionStarts, readSessionReadings } from './session-rows.ts'
import type { SpaceTransaction } from './transactions.ts'
import type { SteppedSpace } from './writer.ts'

interface SteppedReading {
  input: ReadingInput
  stepped: Step
  policy: Policy
}

/**
 * What one transaction does to the parking sessions of one space. Newer readings without debouncing open and close
 * them directly; whatever else may change the order or the confirmation of the evidence projects them anew
 * from the last session that began before it.
 */
export class SessionChanges {
  /** Start of the session that is open now. */
  openSince: number | null
  touched = false
  #projectFrom: number | undefined
  /** By their start; most transactions change none. */
  #changed: Map<number, ParkingSession> | undefined

  constructor(openSince: number | null) {
    this.openSince = openSince
  }

  read(before: SpaceState, { input, stepped, policy }: SteppedReading): void {
    this.touched = true
    if (stepped.observed === null) return
    const { at } = stepped.observed
    const held = withdrawnHold(before, at)
    const unheld = before.facts.candidate === null && held === undefined
    const settled = stepped.outcome === 'unchanged' && unheld
    const direct = policy.debounce === null && stepped.outcome === 'applied' && unheld
    if (!settled && (!direct || before.newest?.at === at)) {
      this.#project(Math.min(at, held?.since ?? at), before)
      return
    }
    const gap = before.newest !== null && at - before.newest.at > policy.unknown_after_s * 1000
    if (direct && input.occupied && this.openSince === null) this.#open(at)
    else if (direct && !input.occupied) this.#close(at, gap)
    else if (gap && this.openSince !== null) this.#put({ startedAt: this.openSince, endedAt: null, uncertain: true })
  }

  /** A deadline may confirm a change. */
  pass(before: SpaceState, { state }: Step): void {
    this.touched = true
    const { candidate } = before.facts
    if (candidate !== null && state.facts.candidate === null) this.#project(candidate.since, before)
  }

  #project(at: number, before: SpaceState): void {
    const first = Math.min(at, before.facts.candidate?.since ?? at)
    this.#projectFrom = Math.min(this.#projectFrom ?? first, first)
  }

  #open(at: number): void {
    this.openSince = at
    this.#put({ startedAt: at, endedAt: null, uncertain: false })
  }

  #close(at: number, uncertain: boolean): void {
    if (this.openSince === null) return
    this.#put({ startedAt: this.openSince, endedAt: at, uncertain })
    this.openSince = null
  }

  #put(session: ParkingSession): void {
    this.#changed ??= new Map()
    const uncertain = session.uncertain || this.#changed.get(session.startedAt)?.uncertain === true
    this.#changed.set(session.startedAt, { ...session, uncertain })
  }

  /** Whether the sessions must be read to be written. */
  get projects(): boolean {
    return this.#projectFrom !== undefined
  }

  /** Writes the changes of all spaces, and corrects `openSince` of those that are projected anew. */
  static async write(
    tx: SpaceTransaction,
    { spaces, policies }: { spaces: readonly SteppedSpace[]; policies: PolicyCache },
  ): Promise<void> {
    const changed: SessionRow[] = []
    for (const space of spaces) {
      for (const session of space.sessions.#changed?.values() ?? []) changed.push({ space, session })
    }
    await upsertSessions(tx, changed)
    const late = spaces.filter((space) => space.sessions.#projectFrom !== undefined)
    if (late.length === 0) return
    const found = await projectionStarts(
      tx,
      late.map((space) => ({
        spaceId: space.spaceId,
        tenantId: space.tenantId,
        before: space.sessions.#projectFrom ?? 0,
      })),
    )
    const starts = late.map((space) => ({ space, ...(found.get(space.spaceId) ?? { from: null, open: null }) }))
    await deleteSessions(tx, starts)
    const readings = await readSessionReadings(tx, { starts, policies })
    const projected = starts.flatMap(({ space, open: before }) => {
      const sessions = projectSessions(readings.get(space.spaceId) ?? [], space.state.facts, before)
      const open = sessions.at(-1)
      space.sessions.openSince = open?.endedAt === null ? open.startedAt : null
      return sessions.map((session) => ({ space, session }))
    })
    await upsertSessions(tx, projected)
  }
}

/** The change that a hold had confirmed, where a reading of this time takes that back (rule O2). */
function withdrawnHold({ fired }: SpaceState, at: number): Candidate | undefined {
  return fired.find((hold) => hold.deadline === 'debounce_hold' && hold.at >= at)?.before.candidate ?? undefined
}

interface SessionRow {
  space: SteppedSpace
  session: ParkingSession
}

async function upsertSessions(tx: SpaceTransaction, rows: readonly SessionRow[]): Promise<void> {
  if (rows.length === 0) return
  await tx`
    INSERT INTO parking_sessions AS p (tenant_id, space_id, started_at, ended_at, uncertain)
    SELECT tenant_id, space_id, to_timestamp(started_at / 1000), to_timestamp(ended_at / 1000), uncertain
    FROM unnest(
      ${plainOf(rows, ({ space }) => space.tenantId)}::uuid[],
      ${plainOf(rows, ({ space }) => space.spaceId)}::uuid[],
      ${plainOf(rows, ({ session }) => session.startedAt)}::double precision[],
      ${plainOf(rows, ({ session }) => session.endedAt)}::double precision[],
      ${plainOf(rows, ({ session }) => session.uncertain)}::boolean[]
    ) AS n (tenant_id, space_id, started_at, ended_at, uncertain)
    ON CONFLICT (tenant_id, space_id, started_at)
    DO UPDATE SET ended_at = excluded.ended_at, uncertain = p.uncertain OR excluded.uncertain`
}

/** Deletes the sessions that began at `from` or later; all of a space's where that is null. */
async function deleteSessions(
  tx: SpaceTransaction,
  starts: readonly { space: SteppedSpace; from: number | null }[],
): Promise<void> {
  await tx`
    DELETE FROM parking_sessions p
    USING unnest(
      ${plainOf(starts, ({ space }) => space.tenantId)}::uuid[],
      ${plainOf(starts, ({ space }) => space.spaceId)}::uuid[],
      ${plainOf(starts, ({ from }) => from)}::double precision[]
    ) AS n (tenant_id, space_id, from_at)
    WHERE p.tenant_id = n.tenant_id AND p.space_id = n.space_id
      AND (n.from_at IS NULL OR p.started_at >= to_timestamp(n.from_at / 1000))`
}
