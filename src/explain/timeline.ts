import type { Input } from '../occupancy/input.ts'
import type { Explanation } from './explain.ts'
import type { KnownInput } from './look-back.ts'
import { duration } from './words.ts'

/** What came to a space before an instant, the oldest first: readings, timers, and what people did. */
export interface TimelineEntry {
  readonly at: number
  readonly input: Input['kind']
  readonly text: string
  readonly outcome: string | null
  /** Kinds of the events that it brought about. */
  readonly events: string[]
  /** The message, where it is one. */
  readonly message: { readonly id: string; readonly part: number } | null
}

const mostShown = 12

export function timelineOf({ inputs, events, lost }: Explanation): TimelineEntry[] {
  const emitted = new Map<number, string[]>()
  for (const { inputSeq, kind } of events) emitted.set(inputSeq, [...(emitted.get(inputSeq) ?? []), kind])
  const stepped = inputs.slice(-mostShown).map((input) => entryOf(input, emitted.get(input.seq) ?? []))
  const others = lost
    .filter(({ reading }) => reading.inputSeq === null)
    .map(({ reading }): TimelineEntry => {
      const { id, part, outcome, receivedAt: at } = reading
      return { at, input: 'reading', text: readingText(reading), outcome, events: [], message: { id, part } }
    })
  return [...stepped, ...others].toSorted((a, b) => a.at - b.at).slice(-mostShown)
}

function entryOf(input: KnownInput, events: string[]): TimelineEntry {
  if (input.kind === 'other') {
    const { input: other } = input.other
    return { at: input.recordedAt, input: other.kind, text: otherText(other), outcome: null, events, message: null }
  }
  const { id, part, outcome } = input.reading
  const text = readingText(input.reading)
  return { at: input.recordedAt, input: 'reading', text, outcome, events, message: { id, part } }
}

interface Said {
  device: string | null
  occupied: boolean | null
  receivedAt: number
  observedAt: number | null
}

function readingText({ device, occupied, receivedAt, observedAt }: Said): string {
  const said = occupied === null ? 'something that could not be read' : occupied ? 'occupied' : 'vacant'
  const waited = observedAt === null ? 0 : receivedAt - observedAt
  const late = waited >= 1000 ? `, ${duration(waited)} before it arrived` : ''
  return `${device ?? 'a device'} said ${said}${late}`
}

function otherText(input: Exclude<Input, { kind: 'reading' }>): string {
  switch (input.kind) {
    case 'deadline':
      return `the timer ${input.deadline} of ${new Date(input.at).toISOString()} passed`
    case 'reservation':
      return `reservation ${input.reservation}: ${input.phase.replaceAll('_', ' ')}`
    case 'override':
      if (input.override === 'none')
        return input.user === null ? 'the override came to its end' : 'the override was ended'
      return input.override === 'blocked' ? 'blocked by an operator' : 'taken out of service by an operator'
  }
}
