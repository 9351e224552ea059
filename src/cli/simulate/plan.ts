import {
  encodeReading,
  makeMessage,
  mostMessageBytes,
  type Lane,
  type Message,
  type NumberedReading,
} from './message.ts'
import type { RecordedReading } from './recorded.ts'

/**
 * What a run of a recorded log sends, and when, decided before anything is sent.
 *
 * The readings are sorted by time and numbered, then moved in time, repeated and shuffled. A number belongs to
 * its reading: repeats and any order carry the same ones, so that they are duplicates and late ones to whoever
 * receives them. A device has one lane, so that its readings keep their order on the way.
 */
export interface PlanOptions {
  lanes: number
  /** Readings in one message. */
  batch: number
  boot: number
  /** `max`, or how many times faster than recorded. */
  speed: number | 'max'
  /** Moves all times so that the log happens now. */
  rebase: boolean
  repeat: number
  /** Shuffles with this source of numbers in [0, 1). */
  shuffle?: (() => number) | undefined
  /** The moment at which the run starts. */
  nowMs: number
}

export interface Plan {
  /** What each lane sends, in order. */
  lanes: readonly (readonly DueMessage[])[]
  rebaseOffsetMs: number
}

export interface DueMessage extends Message {
  /** In milliseconds from the start of the run. */
  readonly dueMs: number
}

interface Sending {
  reading: NumberedReading
  dueMs: number
}

export function planRun(recorded: readonly RecordedReading[], options: PlanOptions): Plan {
  const numbered = numberReadings(recorded)
  const rebaseOffsetMs = options.rebase ? rebaseOffset(numbered, options) : 0
  const moved = numbered.map((reading) => ({ ...reading, atMs: reading.atMs + rebaseOffsetMs }))
  const sendings = repeatReadings(moved, options)
  const ordered = options.shuffle === undefined ? sendings : shuffleReadings(sendings, options.shuffle)
  const lanes = splitIntoLanes(ordered, options.lanes).map((lane) => makeMessages(lane, options))
  return { lanes, rebaseOffsetMs }
}

/** Equal moments keep the order of the file, but for what ends before what begins. */
export function numberReadings(recorded: readonly RecordedReading[]): NumberedReading[] {
  return recorded
    .toSorted((a, b) => a.atMs - b.atMs || a.rank - b.rank)
    .map(({ device, atMs, occupied }, index) => ({ device, seq: index + 1, atMs, occupied }))
}

/** Flat out, the last reading happens now and none lies in the future; paced, the first one happens as it is sent. */
function rebaseOffset(numbered: readonly NumberedReading[], { speed, nowMs }: PlanOptions): number {
  const anchor = speed === 'max' ? numbered.at(-1) : numbered[0]
  return anchor === undefined ? 0 : nowMs - anchor.atMs
}

/** The whole log again, once it has ended. */
function repeatReadings(numbered: readonly NumberedReading[], { repeat, speed }: PlanOptions): Sending[] {
  const first = numbered[0]?.atMs ?? 0
  const spanMs = (numbered.at(-1)?.atMs ?? 0) - first
  return Array.from({ length: repeat }, (_, round) =>
    numbered.map((reading) => ({
      reading,
      dueMs: speed === 'max' ? 0 : (reading.atMs - first + round * spanMs) / speed,
    })),
  ).flat()
}

/** Any order, at the same pace. */
function shuffleReadings(sendings: readonly Sending[], random: () => number): Sending[] {
  const readings = sendings.map(({ reading }) => reading)
  for (let last = readings.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const [a, b] = [readings[last], readings[other]]
    if (a !== undefined && b !== undefined) [readings[last], readings[other]] = [b, a]
  }
  return sendings.map(({ reading, dueMs }, index) => ({ reading: readings[index] ?? reading, dueMs }))
}

/** Devices go to the lanes in turn, in the order in which they first speak. */
function splitIntoLanes(sendings: readonly Sending[], count: number): Sending[][] {
  const lanes = Array.from({ length: count }, (): Sending[] => [])
  const laneOf = new Map<string, Sending[]>()
  for (const sending of sendings) {
    const { device } = sending.reading
    const lane = laneOf.get(device) ?? lanes[laneOf.size % count]
    if (lane === undefined) continue
    laneOf.set(device, lane)
    lane.push(sending)
  }
  return lanes
}

/** As many readings to a message as asked for and as fit; it is due with the last of them. */
function makeMessages(lane: readonly Sending[], { batch, boot }: PlanOptions): DueMessage[] {
  const messages: DueMessage[] = []
  let [readings, encoded, bytes, dueMs]: [NumberedReading[], string[], number, number] = [[], [], 0, 0]
  const close = () => {
    if (readings.length > 0) messages.push({ ...makeMessage(readings, encoded), dueMs })
    ;[readings, encoded, bytes] = [[], [], 0]
  }
  for (const sending of lane) {
    const text = encodeReading(sending.reading, boot)
    const length = Buffer.byteLength(text) + 1
    if (readings.length === batch || bytes + length > mostMessageBytes) close()
    readings.push(sending.reading)
    encoded.push(text)
    bytes += length
    dueMs = sending.dueMs
  }
  close()
  return messages
}

export function planLane(messages: readonly DueMessage[]): Lane {
  let next = 0
  return {
    nextDueMs: () => messages[next]?.dueMs,
    take() {
      const message = messages[next++]
      if (message === undefined) throw new Error('taken from an empty lane')
      return message
    },
  }
}
