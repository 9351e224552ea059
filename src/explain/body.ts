import type { VisibleState } from '../occupancy/state.ts'
import { sampleText } from '../sample-text.ts'
import type { HeardReading } from '../store/explain-readings.ts'
import type { Explanation } from './explain.ts'
import type { Lost } from './lost.ts'
import { decodedPart } from './decoded.ts'
import { timelineOf } from './timeline.ts'
import { because, clockText, decidedBy, lostWords, ruleWords, time, timerText } from './words.ts'

/** An explanation as machines read it: the answer of the API, and of the command with --json. */
export function explanationBody(explanation: Explanation) {
  const { space, machine, event, payloads, policy, nextTimer, explainableFrom } = explanation
  const { debounce, sensor_timeout_s, unknown_after_s, max_clock_skew_s } = policy.fields
  const candidate = machine?.state.facts.candidate ?? null
  return {
    space: { id: space.id, code: space.code, site_id: space.siteId, site: space.site },
    at: time(explanation.at),
    as_known_now: explanation.asKnownNow,
    state: stateBody(explanation.state),
    shown: stateBody(explanation.shown),
    decided_by: decidedBy(explanation),
    because: because(explanation),
    event:
      event === undefined
        ? null
        : {
            kind: event.kind,
            event_time: time(event.eventTime),
            recorded_at: time(event.recordedAt),
            cause: event.cause,
            rule: event.rule,
            rule_text: ruleWords[event.rule],
          },
    evidence: machine?.won === undefined ? null : messageBody(machine.won, payloads),
    lost: explanation.lost.map((lost) => lostBody(lost, explanation)),
    waiting:
      candidate === null
        ? null
        : {
            occupancy: candidate.occupancy,
            since: time(candidate.since),
            readings: candidate.readings,
            of: debounce?.readings ?? 1,
            confirm_at: time(candidate.confirmAt),
          },
    override: overrideBody(explanation),
    reservation: reservationBody(explanation),
    rules_version: machine?.rulesVersion ?? null,
    policy: { version: policy.version, debounce, sensor_timeout_s, unknown_after_s, max_clock_skew_s },
    next_timer:
      nextTimer === null ? null : { timer: nextTimer.timer, at: time(nextTimer.at), effect: timerText(nextTimer) },
    timeline: timelineOf(explanation).map(({ at, ...entry }) => ({ at: time(at), ...entry })),
    explainable_from: orNull(explainableFrom),
  }
}

const orNull = (milliseconds: number | null | undefined) => (milliseconds == null ? null : time(milliseconds))

function stateBody(state: VisibleState | null) {
  return state && { ...state, since: orNull(state.since), observed_at: orNull(state.observed_at) }
}

function overrideBody({ override }: Explanation) {
  if (override === undefined) return null
  const { id, kind, reason, startsAt, endsAt, createdBy } = override
  return { id, kind, reason, starts_at: time(startsAt), ends_at: orNull(endsAt), created_by: createdBy }
}

function reservationBody({ reservation }: Explanation) {
  if (reservation === undefined) return null
  const { id, startsAt, endsAt, checkedInAt } = reservation
  return { id, start: time(startsAt), end: time(endsAt), checked_in_at: orNull(checkedInAt) }
}

function lostBody({ reading, why }: Lost, { policy, payloads }: Explanation) {
  const kind = why.kind
  const than = kind === 'duplicate' ? why.of : kind === 'late' ? why.than : undefined
  return {
    ...messageBody(reading, payloads),
    why: lostWords({ reading, why }, policy.fields),
    than: than === undefined ? null : { id: than.id, part: than.part },
    older_by_s: kind === 'late' && why.byMs !== undefined ? why.byMs / 1000 : null,
  }
}

export function messageBody(reading: HeardReading, payloads: Explanation['payloads']) {
  const stored = reading.payload === null ? payloads.get(reading.id) : undefined
  const payload = reading.payload ?? stored?.payload ?? null
  return {
    id: reading.id,
    part: reading.part,
    device: reading.device,
    occupied: reading.occupied,
    outcome: reading.outcome,
    reason: reading.reason,
    topic: reading.topic,
    delivery: reading.delivery,
    clocks: {
      device: orNull(deviceTime(reading, payload)),
      network: null,
      arrival: time(reading.receivedAt),
    },
    observed_at: orNull(reading.observedAt),
    clock: reading.clock,
    clock_text: clockText(reading.clock),
    session: reading.session,
    counter: reading.counter,
    payload: payloadBody(payload, reading.bytes ?? stored?.bytes ?? null),
  }
}

/** What the device's own clock said: where it was not trusted, only the message has it. */
function deviceTime({ clock, observedAt, topic, part }: HeardReading, payload: Buffer | null): number | null {
  if (clock === 'device') return observedAt
  if (clock === 'arrival' || payload === null) return null
  const decoded = decodedPart({ topic, part }, payload)
  return decoded?.ok === true ? decoded.reading.at : null
}

/** As text where all of it can be printed; the first bytes of a long one. */
export function payloadBody(payload: Buffer | null, bytes: number | null) {
  return payload && { bytes: bytes ?? payload.length, text: sampleText(payload), hex: payload.toString('hex') }
}
