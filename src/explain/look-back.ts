import {
  selectEventAt,
  selectEventBefore,
  selectEventsFrom,
  selectOthersFrom,
  type EventOfSpace,
  type OtherInput,
} from '../store/explain-events.ts'
import { selectBySeq, selectHeard, type HeardReading } from '../store/explain-readings.ts'
import { selectLogBegin, type ExplainedSpace } from '../store/explain-space.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { baseBefore, marginMs, type Base } from './base.ts'
import { isAnchor, isStepped, type SteppedReading } from './refold.ts'

/**
 * What was known of a space at an instant, read from there backwards as far as is needed and no further: up to the last
 * reading after which nothing before it matters (refold.ts). How much the space has in the log makes no difference.
 *
 * What is recorded with a time (events, other inputs) counts from then on; a reading that changed nothing counts from its
 * arrival, and never before what came earlier in the space's order.
 */
export type KnownInput =
  | { readonly kind: 'reading'; readonly seq: number; readonly recordedAt: number; readonly reading: SteppedReading }
  | { readonly kind: 'other'; readonly seq: number; readonly recordedAt: number; readonly other: OtherInput }

export interface LookedBack {
  /** The newest first: with what had no effect. */
  readonly heard: readonly HeardReading[]
  /** In the space's order, from some before the anchor up to the last that was known. */
  readonly inputs: readonly KnownInput[]
  /** Of those inputs. */
  readonly events: readonly EventOfSpace[]
  /** The last event that was known: what was shown. */
  readonly shown: EventOfSpace | undefined
  readonly anchor: SteppedReading | undefined
  /** The last event up to the anchor, or up to where else the fold begins. */
  readonly begunWith: EventOfSpace | undefined
  /** Where no anchor is kept: where the fold begins; undefined where that is not kept either. */
  readonly base: Base | undefined
  /** Where the log does not reach back to this instant: from when on it does. */
  readonly explainableFrom: number | undefined
}

export interface Instant {
  /** Epoch milliseconds; Infinity for all that is committed. */
  readonly cutoff: number
  readonly now: number
  /** Up to when evidence is of that instant, where it is not the same: what is known now may be ahead of our clock. */
  readonly upTo?: number
}

/** Of the first page, which nearly always is enough; each further one is twice as long, up to the last. */
const firstRows = 16
const mostRows = 1024
const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** Most that is read of one kind: beyond it something else is wrong with this space. */
const mostPages = 60

export async function lookBack(tx: TenantTransaction, space: ExplainedSpace, instant: Instant): Promise<LookedBack> {
  const heard: HeardReading[] = []
  let pages = 0
  for await (const page of pagesBack(tx, space, instant)) {
    heard.push(...page.filter(({ countsFrom }) => countsFrom <= instant.cutoff))
    if (heard.some(isAnchor)) {
      const found = await knownSince(tx, { space, instant, heard })
      if (found.anchor !== undefined) return found
    }
    if (++pages >= mostPages) break
  }
  return await fromTheBeginning(tx, { space, instant, heard })
}

/** Pages of what was heard, from the instant backwards, by windows that grow: each looks at the days that it concerns alone. */
async function* pagesBack(tx: TenantTransaction, space: ExplainedSpace, { cutoff, now }: Instant) {
  if (space.devices.length === 0) return
  // Other processes have clocks of their own.
  let limit = firstRows
  let until = Number.isFinite(cutoff) ? cutoff : now + dayMs
  for (const after of windowsBack(space, { cutoff, now })) {
    let before: HeardReading | undefined
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- only where what was read is not enough
      const page = await selectHeard(tx, { space, after, until, before, limit })
      if (page.length > 0) yield page
      if (page.length < limit) break
      before = page.at(-1)
      limit = Math.min(2 * limit, mostRows)
    }
    until = after
  }
}

function windowsBack({ observedAt, updatedAt }: ExplainedSpace, { cutoff, now }: Instant): number[] {
  const end = Number.isFinite(cutoff) ? cutoff : now
  // Of what is shown now the newest evidence tells when it was.
  const first = observedAt !== null && updatedAt !== null && cutoff >= updatedAt ? observedAt - marginMs : end - hourMs
  const starts = [Math.min(first, end - 1), end - dayMs, end - 8 * dayMs, -Infinity]
  return starts.filter((start, index) => starts.slice(0, index).every((earlier) => start < earlier))
}

interface Looking {
  readonly space: ExplainedSpace
  readonly instant: Instant
  readonly heard: readonly HeardReading[]
}

async function knownSince(tx: TenantTransaction, { space, instant, heard }: Looking): Promise<LookedBack> {
  const low = Math.min(...heard.filter(isStepped).map(({ inputSeq }) => inputSeq))
  const recorded = await recordedFrom(tx, { space, instant, from: low })
  const known = await withoutGaps(tx, { space, instant, heard, recorded, from: undefined })
  const anchor = known.inputs.findLast((input) => input.kind === 'reading' && isAnchor(input.reading))
  const reading = anchor?.kind === 'reading' ? anchor.reading : undefined
  return {
    ...known,
    anchor: reading,
    begunWith: lastUpTo(known.events, reading?.inputSeq ?? 0) ?? recorded.before,
    base: undefined,
    explainableFrom: undefined,
  }
}

function lastUpTo(events: readonly EventOfSpace[], seq: number): EventOfSpace | undefined {
  return events.findLast(({ inputSeq }) => inputSeq <= seq)
}

/** No reading tells all: from the newest checkpoint on that lies before the instant, or from where the space began. */
async function fromTheBeginning(tx: TenantTransaction, { space, instant, heard }: Looking): Promise<LookedBack> {
  const stepped = heard.filter(isStepped).map(({ inputSeq }) => inputSeq)
  const begin = space.checkpoints.length === 0 ? undefined : await selectLogBegin(tx)
  const isBefore = begin !== undefined && instant.cutoff < begin
  const base = isBefore ? undefined : await baseBefore(tx, { space, cutoff: instant.cutoff })
  if (base !== undefined) {
    const from = Math.min(base.inputSeq + 1, ...stepped)
    const recorded = await recordedFrom(tx, { space, instant, from })
    const known = await withoutGaps(tx, { space, instant, heard, recorded, from: base.inputSeq + 1 })
    const behind = known.inputs.filter(({ seq }) => seq > base.inputSeq)
    const begunWith = lastUpTo(known.events, base.inputSeq) ?? recorded.before
    const found = { ...known, anchor: undefined, begunWith, base, explainableFrom: undefined }
    if (behind.every(({ seq }, index) => seq === base.inputSeq + 1 + index)) return found
    return { ...found, base: undefined }
  }
  const shown = await selectEventAt(tx, { spaceId: space.id, at: instant.cutoff })
  return { ...nothing, heard, shown, explainableFrom: isBefore ? begin : undefined }
}

const nothing = { inputs: [], events: [], anchor: undefined, begunWith: undefined, base: undefined } as const

interface Recorded {
  readonly events: readonly EventOfSpace[]
  readonly others: readonly OtherInput[]
  /** The last event before them. */
  readonly before: EventOfSpace | undefined
  /** Place of the first input that was not known yet; Infinity where there is none. */
  readonly unknownFrom: number
}

async function recordedFrom(
  tx: TenantTransaction,
  { space, instant: { cutoff }, from }: { space: ExplainedSpace; instant: Instant; from: number },
): Promise<Recorded> {
  const spaceId = space.id
  const [events, others, before] = await Promise.all([
    pagesForward((page) => selectEventsFrom(tx, { spaceId, ...page }), { from, cutoff }),
    pagesForward((page) => selectOthersFrom(tx, { spaceId, ...page }), { from, cutoff }),
    selectEventBefore(tx, { spaceId, before: from }),
  ])
  const later = [...events, ...others].filter(({ recordedAt }) => recordedAt > cutoff)
  const unknownFrom = Math.min(Infinity, ...later.map(({ inputSeq }) => inputSeq))
  const isKnown = ({ inputSeq }: { inputSeq: number }) => inputSeq < unknownFrom
  return { events: events.filter(isKnown), others: others.filter(isKnown), before, unknownFrom }
}

/** Up to the first that was recorded after the instant, which is among them. */
async function pagesForward<Row extends { inputSeq: number; recordedAt: number }>(
  read: (page: { from: number; limit: number }) => Promise<Row[]>,
  { from, cutoff }: { from: number; cutoff: number },
): Promise<Row[]> {
  const rows: Row[] = []
  let start = from
  let limit = firstRows
  for (let pages = 0; pages < mostPages; pages++) {
    // oxlint-disable-next-line no-await-in-loop -- only where what was read is not enough
    const page = await read({ from: start, limit })
    const last = page.at(-1)
    // The last input of a full page may have more events on the next one.
    const full = page.length === limit && last !== undefined && last.recordedAt <= cutoff
    rows.push(...(full ? page.filter(({ inputSeq }) => inputSeq < last.inputSeq) : page))
    if (!full) break
    start = last.inputSeq
    limit = Math.min(2 * limit, mostRows)
  }
  return rows
}

/**
 * The inputs that were known, in the space's order. One that is missing between them lies elsewhere in the log (a redriven reading stands
 * with its original's arrival), or was not known yet, and then nothing behind it was.
 *
 * @param from the first that is wanted; without it, the last anchor
 */
async function withoutGaps(
  tx: TenantTransaction,
  { space, instant, heard, recorded, from }: Looking & { recorded: Recorded; from: number | undefined },
): Promise<Pick<LookedBack, 'heard' | 'inputs' | 'events' | 'shown'>> {
  let inputs = inputsOf(heard, recorded)
  const first = from ?? inputs.findLast((input) => input.kind === 'reading' && isAnchor(input.reading))?.seq
  const isAll = space.updatedAt !== null && instant.cutoff >= space.updatedAt
  const last = Math.max(inputs.at(-1)?.seq ?? 0, isAll ? space.inputSeq : 0)
  const missing = missingIn(inputs, { first: first ?? last + 1, last })
  if (missing.length > 0) {
    const found = await selectBySeq(tx, { space, seqs: missing })
    const later = found.filter(({ countsFrom }) => countsFrom > instant.cutoff)
    const unknownFrom = Math.min(recorded.unknownFrom, ...later.flatMap(({ inputSeq }) => inputSeq ?? []))
    inputs = inputsOf([...heard, ...found], { ...recorded, unknownFrom })
  }
  const end = inputs.at(-1)?.seq ?? 0
  const events = recorded.events.filter(({ inputSeq }) => inputSeq <= end)
  return { heard, inputs, events, shown: events.at(-1) ?? recorded.before }
}

function inputsOf(
  heard: readonly HeardReading[],
  { events, others, unknownFrom }: Pick<Recorded, 'events' | 'others' | 'unknownFrom'>,
): KnownInput[] {
  const emitted = new Map(events.map((event) => [event.inputSeq, event.recordedAt]))
  const readings = heard.filter(isStepped).map((reading): KnownInput => {
    const recordedAt = emitted.get(reading.inputSeq) ?? reading.countsFrom
    return { kind: 'reading', seq: reading.inputSeq, recordedAt, reading }
  })
  const rest = others.map((other): KnownInput => {
    return { kind: 'other', seq: other.inputSeq, recordedAt: other.recordedAt, other }
  })
  return [...readings, ...rest].filter(({ seq }) => seq < unknownFrom).toSorted((a, b) => a.seq - b.seq)
}

/** So many are looked for by their places, at most: the newest of them. */
const mostMissing = 500

function missingIn(inputs: readonly KnownInput[], { first, last }: { first: number; last: number }): number[] {
  const known = new Set(inputs.map(({ seq }) => seq))
  const missing: number[] = []
  for (let seq = last; seq >= first && missing.length < mostMissing; seq--) if (!known.has(seq)) missing.push(seq)
  return missing
}
