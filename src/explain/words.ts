import type { Clock } from '../occupancy/evidence.ts'
import type { Rule } from '../occupancy/events.ts'
import type { Policy } from '../occupancy/policy.ts'
import { rulesVersion } from '../occupancy/step.ts'
import type { Explanation, NextTimer } from './explain.ts'
import type { Lost, Why } from './lost.ts'
import { areRulesKnown } from './policy-at.ts'
import type { SteppedReading } from './refold.ts'

/** The words of the trade, for those who run it. */
export function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

const units = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
] as const

/** Up to so long in hours: silence is allowed for 25, and nothing is known after 72. */
const inHoursMs = 100 * 3_600_000

/** "4 min 10 s", "25 h", "0.2 s". */
export function duration(milliseconds: number): string {
  const all = Math.abs(milliseconds)
  if (all < 60_000) return `${Number((all / 1000).toFixed(3))} s`
  let rest = Math.round(all / 1000) * 1000
  const parts: string[] = []
  for (const { name, ms } of units) {
    if (name === 'd' && all <= inHoursMs) continue
    const count = Math.floor(rest / ms)
    if (count > 0) parts.push(`${count} ${name}`)
    rest -= count * ms
  }
  if (rest > 0) parts.push(`${rest / 1000} s`)
  return parts.slice(0, 2).join(' ')
}

export const ruleWords: Record<Rule, string> = {
  reading: 'a newer reading changed it',
  debounce_readings: 'enough equal readings in a row confirmed the change',
  debounce_hold: 'nothing contradicted the change while it was on hold',
  sensor_timeout: 'its sensor was silent for longer than it may be',
  unknown_after: 'its sensor was silent for so long that nothing is known any more',
  evidence_returned: 'its sensor was heard again',
  withdrawn: 'a timer had acted before evidence came that is older than it: that was taken back',
  reservation: 'the calendar of reservations',
  override: 'an operator, or the end that an operator had set',
}

const clockWords: Record<Clock, string> = {
  device: "the device's clock",
  arrival: 'its arrival: the device sent no time',
  ahead: "its arrival: the device's clock was too far ahead of ours to be trusted",
  backwards: "its arrival: the device's clock ran backwards",
  backwards_elsewhere: "its arrival: the device's clock ran backwards since it stood at another space",
}

/** Which clock gave the time that counted. */
export function clockText(clock: Clock | null): string | null {
  return clock === null ? null : clockWords[clock]
}

export type DecidedBy = 'override' | 'reservation' | 'occupancy' | 'nothing'

export function decidedBy({ state }: Explanation): DecidedBy {
  if (state === null) return 'nothing'
  if (state.override !== 'none') return 'override'
  return state.reservation === 'none' ? 'occupancy' : 'reservation'
}

/** Why, in a sentence or two. */
export function because(explanation: Explanation): string {
  const { machine } = explanation
  const said = becauseOf(explanation)
  if (machine === undefined || machine.rulesVersion === null || areRulesKnown(machine.rulesVersion)) return said
  return `${said} It was decided by rules of version ${machine.rulesVersion}, which are not known here (those here are of version ${rulesVersion}): what was shown is as it was recorded; what waited, and the timers, may have been others.`
}

function becauseOf(explanation: Explanation): string {
  const { state, machine, override, reservation, explainableFrom } = explanation
  if (explainableFrom !== undefined) {
    return `The readings of that time are not kept any more: the log begins at ${time(explainableFrom)}, and so does what can be explained.`
  }
  if (state === null || machine === undefined) {
    return 'What was shown is known, but not all of what came before it is kept: nothing is left that would say why.'
  }
  if (state.override !== 'none') {
    const done = state.override === 'blocked' ? 'blocked it' : 'taken it out of service'
    const end = typeof override?.endsAt === 'number' ? ` until ${time(override.endsAt)}` : ' until it is ended'
    const reason = override?.reason ? ` (${override.reason})` : ''
    return `An operator had ${done}${reason}${end}. An override goes above all else.`
  }
  if (state.reservation !== 'none') {
    const when = reservation === undefined ? '' : `, from ${time(reservation.startsAt)} to ${time(reservation.endsAt)}`
    const how = state.reservation === 'soon' ? 'was about to begin' : 'was active'
    return `A reservation ${how}${when}. It goes above what sensors say.`
  }
  return byEvidence(explanation)
}

function byEvidence({ state, machine, policy }: Explanation): string {
  if (state === null || machine === undefined || machine.state.newest === null) {
    return 'No sensor had ever been heard, and silence is never shown as free.'
  }
  const { newest, facts } = machine.state
  const { fields } = policy
  if (facts.occupancy === 'unknown') {
    return facts.candidate === null
      ? `The last evidence, of ${time(newest.at)}, was older than ${duration(fields.unknown_after_s * 1000)}: too old to say anything.`
      : `Its first reading, of ${time(facts.candidate.since)}, was not confirmed yet.`
  }
  if (facts.occupancy === 'vacant' && facts.stale) {
    return `The last reading said vacant, but nothing was heard for more than ${duration(fields.sensor_timeout_s * 1000)} since ${time(newest.at)}: silence is never shown as free.`
  }
  const silent = facts.stale ? ` It has been silent since ${time(newest.at)}, for longer than it may be.` : ''
  return `${wonSentence(machine.won, newest)}${waitingSentence(facts.candidate, fields)}${silent}`
}

function wonSentence(won: SteppedReading | undefined, newest: { at: number; device: string }): string {
  if (won === undefined) return `The newest evidence was of device ${newest.device}, of ${time(newest.at)}.`
  const said = won.occupied ? 'occupied' : 'vacant'
  const late =
    won.clock === 'device'
      ? `, arrived ${duration(won.receivedAt - won.observedAt)} ${won.receivedAt >= won.observedAt ? 'later' : 'earlier'}`
      : ''
  return `Device ${won.device} said ${said} at ${time(won.observedAt)} (by ${clockText(won.clock)}${late}), and nothing newer that counted said otherwise.`
}

function waitingSentence(
  candidate: { occupancy: string; since: number; readings: number; confirmAt: number } | null,
  { debounce }: Policy,
): string {
  if (candidate === null) return ''
  return ` A change to ${candidate.occupancy}, first read at ${time(candidate.since)}, was waiting to be confirmed: ${candidate.readings} of ${debounce?.readings ?? 1} readings, or no contradiction until ${time(candidate.confirmAt)}.`
}

/** Why evidence did not count. */
export function lostWords({ reading, why }: Lost, policy: Policy): string {
  switch (why.kind) {
    case 'duplicate':
      return why.of === undefined
        ? (reading.reason ?? 'the same reading was taken before')
        : `the same reading as message ${why.of.id}/${why.of.part}, taken at ${time(why.of.receivedAt)}`
    case 'late':
      return lateWords(why)
    case 'debouncing':
      return debounceWords(why, policy)
    case 'retained':
      return 'a retained message, delivered because of subscribing: it may be of any age'
    case 'unassigned':
      return 'its device stood at no space at that time'
    case 'unknown_device':
      return 'nobody knew its device'
    case 'malformed':
      return `it could not be read: ${reading.reason ?? 'malformed'}`
  }
}

function lateWords({ than, byMs }: Extract<Why, { kind: 'late' }>): string {
  if (than === undefined || byMs === undefined) return 'older than the newest evidence when it came'
  const by = byMs === 0 ? 'of the same time as, and not newer than,' : `${duration(byMs)} older than`
  return `${by} the newest evidence when it came: message ${than.id}/${than.part}, of ${time(than.observedAt)}`
}

function debounceWords({ waited }: Extract<Why, { kind: 'debouncing' }>, { debounce }: Policy): string {
  if (waited === undefined) return 'a change that was not confirmed'
  return `not enough to change it: ${waited.readings} of ${debounce?.readings ?? 1} readings, and the hold lasted until ${time(waited.confirmAt)}`
}

const timerWords: Record<NextTimer['timer'], string> = {
  debounce_hold: 'the change that waits is confirmed',
  sensor_timeout: 'silence makes it stale; a free space is then shown as unknown',
  unknown_after: 'silence makes its occupancy unknown',
  override_end: 'the override ends',
  reservation_end: 'the reservation ends',
}

export function timerText({ timer }: NextTimer): string {
  return timerWords[timer]
}
