import type { EventKind, Rule } from '../../../src/occupancy/events.ts'

/** What happened, in the words of whoever runs a car park. */
const kinds: Readonly<Record<EventKind, string>> = {
  occupied: 'Occupied',
  vacated: 'Vacated',
  reserved_soon: 'A reservation begins soon',
  reserved: 'A reservation began',
  released: 'A reservation ended',
  checked_in: 'Checked in',
  no_show: 'Nobody came for a reservation',
  contested: 'Somebody else stood there',
  overstayed: 'Stayed longer than reserved',
  blocked: 'Blocked',
  taken_out_of_service: 'Taken out of service',
  returned_to_service: 'Returned to service',
  sensor_lost: 'Sensor not heard for too long',
  sensor_recovered: 'Sensor heard again',
}

export function kindText(kind: string): string {
  const words: Readonly<Record<string, string>> = kinds
  return words[kind] ?? kind
}

const rules: Readonly<Record<Rule, string>> = {
  reading: 'a newer reading changed it',
  debounce_readings: 'enough equal readings confirmed the change',
  debounce_hold: 'nothing contradicted the change while it was on hold',
  sensor_timeout: 'its sensor was silent for longer than it may be',
  unknown_after: 'its sensor was silent for so long that nothing is known',
  evidence_returned: 'its sensor was heard again',
  withdrawn: 'a timer was taken back, since older evidence came',
  reservation: 'the calendar of reservations',
  override: 'an operator, or the end that one had set',
}

export function ruleText(rule: string): string {
  const words: Readonly<Record<string, string>> = rules
  return words[rule] ?? rule
}

export function saidText(occupied: boolean | null): string {
  return occupied === null ? 'nothing that could be read' : occupied ? 'occupied' : 'vacant'
}

/** A sentence cut where it names a time, or a message: those are shown as links and local times. */
export type Piece = { text: string } | { at: string } | { message: { id: string; part: number } }

const named =
  /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)|\bmessage ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\/(\d+)/g

export function piecesOf(sentence: string): Piece[] {
  const pieces: Piece[] = []
  let end = 0
  for (const found of sentence.matchAll(named)) {
    const [all, at, id, part] = found
    if (found.index > end) pieces.push({ text: sentence.slice(end, found.index) })
    pieces.push(at === undefined ? { message: { id: id ?? '', part: Number(part) } } : { at })
    end = found.index + all.length
  }
  if (end < sentence.length) pieces.push({ text: sentence.slice(end) })
  return pieces
}
