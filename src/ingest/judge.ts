import type { DecodedPart } from '../decode/decoded.ts'
import { isAhead, placeInOrder, runsBackwards, sourceOf } from '../occupancy/evidence.ts'
import type { ReadingInput } from '../occupancy/input.ts'
import type { Outcome } from '../store/books.ts'
import { stoodAt, type KnownDevice, type KnownTenant } from '../store/device-directory.ts'
import { identityKey, type Identity, type ReadingRow } from '../store/readings.ts'
import type { SpaceWriter, SteppedSpace } from '../store/writer.ts'
import type { Message } from './message.ts'

/** A reading of a known device, with the spaces that it may belong to. */
export interface Candidate {
  readonly message: Message
  readonly device: KnownDevice
  readonly input: ReadingInput
  /** Where the device stood at the time that it sent, and where at arrival; undefined where it stood nowhere. */
  readonly spaceAt: string | undefined
  readonly spaceNow: string | undefined
  /** What its identity is looked up by; undefined for a reading that has none (no `at`, no counter). */
  readonly identity: Identity | undefined
}

type GoodPart = Extract<DecodedPart, { ok: true }>

export function candidateOf(
  message: Message,
  part: number,
  known: { decoded: GoodPart; device: KnownDevice },
): Candidate {
  const { decoded, device } = known
  const { reading, content } = decoded
  const receivedAt = message.delivery.receivedAtMs
  const input: ReadingInput = {
    kind: 'reading',
    occupied: reading.occupied,
    at: reading.at,
    session: reading.session,
    counter: reading.counter,
    heartbeat: reading.heartbeat === true,
    id: message.id,
    part,
    device: decoded.device,
    receivedAt,
  }
  const identity = reading.counter ?? reading.at
  return {
    message,
    device,
    input,
    spaceAt: stoodAt(device, reading.at ?? receivedAt),
    spaceNow: stoodAt(device, receivedAt),
    identity: identity === null ? undefined : { deviceId: device.id, identity, session: reading.session, content },
  }
}

/** What the judge knows of the batch: all of it read in the transaction, with the spaces locked. */
export interface Known {
  readonly writer: SpaceWriter
  /** What was asked for in the log; no other reading of this batch can be there, or come twice in the batch. */
  readonly lookedUp: ReadonlySet<Identity>
  /** Keys of those that reached `step` in earlier transactions; those that do in this one are added. */
  readonly seen: Set<string>
  /** Digest of the last reading logged for a device; those of this batch replace it. Undefined where nobody asks for it. */
  readonly lastContents: Map<string, number | null> | undefined
}

interface Verdict {
  outcome: Outcome
  reason: string | null
  candidate?: Candidate
  stepped?: { space: SteppedSpace; inputSeq: number; observed: Pick<ReadingRow, 'observedAt' | 'clock'> }
}

/**
 * Gives each reading of a message its one outcome, in the order of precedence, and steps the space it belongs to.
 *
 * @param candidates those of its parts that are readings of known devices, each in its part's place
 * @param rows what is to be logged is added to them
 */
export function judge(
  message: Message,
  {
    tenant,
    candidates,
    known,
    rows,
  }: { tenant: KnownTenant; candidates: readonly (Candidate | undefined)[]; known: Known; rows: ReadingRow[] },
): void {
  for (let part = 0; part < message.parts.length; part++) {
    if (!isWanted(message, part)) continue
    const decoded = message.parts[part] as DecodedPart
    const verdict = judgePart(message, { decoded, candidate: candidates[part], known })
    const { candidate, stepped } = verdict
    if (candidate !== undefined) known.lastContents?.set(candidate.device.id, decoded.ok ? decoded.content : null)
    const reading = decoded.ok ? decoded.reading : undefined
    const { receivedAtMs } = message.delivery
    rows.push({
      tenantId: tenant.id,
      id: message.id,
      part,
      receivedAt: receivedAtMs,
      topic: message.delivery.topic,
      // That of a redriven reading stands on its original.
      payload: part === 0 && message.redrive === undefined ? message.delivery.payload : null,
      delivery: deliveryNote(message),
      device: decoded.device,
      deviceId: candidate?.device.id ?? null,
      session: reading?.session ?? null,
      counter: reading?.counter ?? null,
      identity: reading === undefined ? null : (reading.counter ?? reading.at ?? receivedAtMs),
      content: decoded.ok ? decoded.content : null,
      occupied: reading?.occupied ?? null,
      observedAt: stepped?.observed.observedAt ?? reading?.at ?? (reading === undefined ? null : receivedAtMs),
      clock: stepped?.observed.clock ?? null,
      outcome: verdict.outcome,
      reason: verdict.reason,
      spaceId: stepped?.space.spaceId ?? null,
      inputSeq: stepped?.inputSeq ?? null,
      policyVersion: stepped?.space.policyVersion ?? null,
    })
  }
}

/** What was delivered because of subscribing is no news, but where it is redriven. */
export function isLive({ delivery, redrive }: Message): boolean {
  return !delivery.retained || redrive !== undefined
}

export function isWanted({ redrive }: Message, part: number): boolean {
  return redrive === undefined || redrive.has(part)
}

function judgePart(
  message: Message,
  { decoded, candidate, known }: { decoded: DecodedPart; candidate: Candidate | undefined; known: Known },
): Verdict {
  if (!decoded.ok) return { outcome: 'malformed', reason: decoded.reason }
  if (candidate === undefined) return { outcome: 'unknown_device', reason: `no device ${decoded.device}` }
  if (!isLive(message)) {
    return { outcome: 'retained', reason: 'delivered because of subscribing', candidate }
  }
  if (message.delivery.retained && candidate.input.at === null) return { ...withoutTime, candidate }
  const { space, input } = belongsTo(candidate, known.writer)
  if (space === undefined) {
    return { outcome: 'unassigned', reason: 'the device stood at no space at that time', candidate }
  }
  return judgeInOrder(message, { candidate, space, input, known })
}

/** A retained message may be of any age: redriven, it counts by its own clock or not at all. */
const withoutTime = {
  outcome: 'retained',
  reason: 'has no time of its own that can be trusted, and its arrival says nothing',
} as const

/** The space of a reading, and the reading marked where the clock of its device ran backwards at another space. */
function belongsTo(
  { input, spaceAt, spaceNow }: Candidate,
  writer: SpaceWriter,
): { space: SteppedSpace | undefined; input: ReadingInput } {
  const at = spaceAt === undefined ? undefined : writer.space(spaceAt)
  const now = spaceNow === undefined ? undefined : writer.space(spaceNow)
  if (at === now) return { space: now, input }
  const trusting = at ?? now
  if (trusting !== undefined && isAhead(input, trusting.policy)) return { space: now, input }
  if (runsBackwards(at && sourceOf(at.state, input.device), input)) {
    return { space: now, input: { ...input, clockBackwardsElsewhere: true } }
  }
  return runsBackwards(now && sourceOf(now.state, input.device), input) ? { space: now, input } : { space: at, input }
}

interface Placing {
  candidate: Candidate
  space: SteppedSpace
  input: ReadingInput
  known: Known
}

function judgeInOrder(message: Message, { candidate, space, input, known }: Placing): Verdict {
  const { lookedUp, seen, lastContents, writer } = known
  const { identity, device } = candidate
  const key = identity !== undefined && lookedUp.has(identity) ? identityKey(identity) : undefined
  const place = () => placeInOrder(space.state, input, space.policy)
  if (message.delivery.retained && place().clock !== 'device') return { ...withoutTime, candidate }
  if (key !== undefined && seen.has(key) && place().mustLookUp) {
    return { outcome: 'duplicate', reason: 'the same reading was taken before', candidate }
  }
  const content = message.parts[input.part]
  if (
    identity === undefined &&
    message.delivery.duplicate &&
    content?.ok &&
    lastContents?.get(device.id) === content.content
  ) {
    return { outcome: 'duplicate', reason: 'sent again, and equal to the last payload of the device', candidate }
  }
  const { inputSeq, outcome, observed } = writer.step(space, input)
  if (key !== undefined) seen.add(key)
  if (outcome === null || observed === null) throw new Error('a reading was stepped without an outcome')
  return {
    outcome,
    reason: outcome === 'late' ? 'not newer than the newest evidence' : null,
    candidate,
    stepped: { space, inputSeq, observed: { observedAt: observed.at, clock: observed.clock } },
  }
}

function deliveryNote({ delivery, redrive }: Message): string | null {
  if (redrive !== undefined) return 'redrive'
  if (delivery.retained) return 'retained'
  if (delivery.retainStripped) return 'retain-stripped'
  return delivery.duplicate ? 'dup' : null
}

/**
 * The identities that must be asked for in the log before a batch may be judged: all but those of readings that are
 * trusted and newer than anything their space has seen. A device that is not in order within the batch has all
 * of its readings asked for, because its clock may turn out to run backwards on the way.
 */
export function identitiesToLookUp(candidates: readonly Candidate[], writer: SpaceWriter): Set<Identity> {
  const unordered = devicesOutOfOrder(candidates)
  const wanted = new Set<Identity>()
  for (const { device, identity, input, spaceAt, spaceNow } of candidates) {
    if (identity === undefined) continue
    const ask =
      unordered.has(device.id) ||
      isOldAt(writer, spaceAt, input) ||
      (spaceNow !== spaceAt && isOldAt(writer, spaceNow, input))
    if (ask) wanted.add(identity)
  }
  return wanted
}

function isOldAt(writer: SpaceWriter, spaceId: string | undefined, input: ReadingInput): boolean {
  const space = spaceId === undefined ? undefined : writer.space(spaceId)
  return space !== undefined && placeInOrder(space.state, input, space.policy).mustLookUp
}

function devicesOutOfOrder(candidates: readonly Candidate[]): Set<string> {
  const last = new Map<string, ReadingInput>()
  const unordered = new Set<string>()
  for (const { device, input } of candidates) {
    const earlier = last.get(device.id)
    last.set(device.id, input)
    if (earlier === undefined) continue
    const forward =
      earlier.at !== null &&
      input.at !== null &&
      input.at > earlier.at &&
      (earlier.session !== input.session || (input.counter ?? Infinity) > (earlier.counter ?? -1))
    if (!forward) unordered.add(device.id)
  }
  return unordered
}
