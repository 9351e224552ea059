import { z } from '@hono/zod-openapi'
import { exampleId, id, otherExampleId, status, time } from './place-schemas.ts'

/** How a reading of the log, and why a space showed what it showed, are told. */
const outcome = z.enum([
  'applied',
  'unchanged',
  'debouncing',
  'late',
  'duplicate',
  'unassigned',
  'retained',
  'unknown_device',
  'malformed',
])

export const payload = z
  .object({
    bytes: z.int().openapi({ description: 'length of the whole payload' }),
    text: z.string().nullable().openapi({ description: 'its first 1,024 bytes, where they can be printed' }),
    hex: z.string().openapi({ description: 'the same as they are' }),
  })
  .nullable()
  .openapi({ description: 'of the whole message; null where it stands elsewhere or is not kept' })

const clocks = z
  .object({ device: time.nullable(), network: time.nullable(), arrival: time })
  .openapi({ description: "the device's own time as it sent it, the network server's, and when it arrived here" })

const message = {
  id: id.openapi({ description: 'of the message' }),
  part: z.int().openapi({ description: 'which reading of the message' }),
  device: z.string().nullable(),
  occupied: z.boolean().nullable(),
  outcome,
  reason: z.string().nullable(),
  topic: z.string(),
  delivery: z.string().nullable().openapi({ description: '`dup`, `retained`, `retain-stripped`, `redrive`' }),
  clocks,
  observed_at: time.nullable().openapi({ description: 'the time that counted' }),
  clock: z.enum(['device', 'arrival', 'ahead', 'backwards', 'backwards_elsewhere']).nullable(),
  clock_text: z.string().nullable(),
  session: z.string().nullable(),
  counter: z.number().nullable(),
  payload,
}

export const reading = z.object(message)

export const visible = z.object({
  status,
  occupancy: z.enum(['unknown', 'vacant', 'occupied']),
  reservation: z.enum(['none', 'soon', 'active']),
  override: z.enum(['none', 'blocked', 'out_of_service']),
  stale: z.boolean(),
  since: time.nullable(),
  observed_at: time.nullable(),
  version: z.int(),
})
const cause = z.looseObject({ type: z.enum(['reading', 'reservation', 'user', 'timer']) })

const lost = z.object({
  ...message,
  why: z.string(),
  than: z.object({ id, part: z.int() }).nullable().openapi({ description: 'the message that it came behind' }),
  older_by_s: z.number().nullable(),
})

export const explanation = z
  .object({
    space: z.object({ id, code: z.string(), site_id: id, site: z.string() }),
    at: time,
    as_known_now: z.boolean(),
    state: visible.nullable().openapi({ description: 'null where the log does not reach back so far' }),
    shown: visible.nullable().openapi({ description: 'what was shown then' }),
    decided_by: z.enum(['override', 'reservation', 'occupancy', 'nothing']),
    because: z.string(),
    event: z
      .object({ kind: z.string(), event_time: time, recorded_at: time, cause, rule: z.string(), rule_text: z.string() })
      .nullable()
      .openapi({ description: 'the last change that was shown then' }),
    evidence: reading.nullable().openapi({ description: 'the reading that won' }),
    lost: z.array(lost).openapi({ description: 'readings that did not count, the newest first' }),
    waiting: z
      .object({
        occupancy: z.enum(['vacant', 'occupied']),
        since: time,
        readings: z.int(),
        of: z.int(),
        confirm_at: time,
      })
      .nullable()
      .openapi({ description: 'a change that is not confirmed yet' }),
    override: z
      .object({
        id,
        kind: z.enum(['blocked', 'out_of_service']),
        reason: z.string().nullable(),
        starts_at: time,
        ends_at: time.nullable(),
        created_by: z.string(),
      })
      .nullable(),
    reservation: z.object({ id, start: time, end: time, checked_in_at: time.nullable() }).nullable(),
    rules_version: z.int().nullable().openapi({ description: 'of the rules that decided' }),
    policy: z.object({
      version: z.int(),
      debounce: z.object({ readings: z.int(), hold_s: z.number() }).nullable(),
      sensor_timeout_s: z.int(),
      unknown_after_s: z.int(),
      max_clock_skew_s: z.int(),
    }),
    next_timer: z.object({ timer: z.string(), at: time, effect: z.string() }).nullable(),
    timeline: z.array(
      z.object({
        at: time,
        input: z.enum(['reading', 'deadline', 'reservation', 'override']),
        text: z.string(),
        outcome: z.string().nullable(),
        events: z.array(z.string()),
        message: z.object({ id, part: z.int() }).nullable(),
      }),
    ),
    explainable_from: time
      .nullable()
      .openapi({ description: 'where that is after `at`: from when on the log is kept' }),
  })
  .openapi('SpaceExplanation')

export const historyEntry = z
  .object({
    recorded_at: time.openapi({ description: 'from when on it was shown' }),
    event_time: time.openapi({ description: 'when it happened, by the evidence' }),
    kind: z.string(),
    cause,
    rule: z.string(),
    state: visible,
  })
  .openapi('HistoryEntry', {
    example: {
      recorded_at: '2026-11-20T14:03:58.310Z',
      event_time: '2026-11-20T14:03:58.120Z',
      kind: 'occupied',
      cause: { type: 'reading', id: exampleId, part: 0 },
      rule: 'reading',
      state: {
        status: 'occupied',
        occupancy: 'occupied',
        reservation: 'none',
        override: 'none',
        stale: false,
        since: '2026-11-20T14:03:58.120Z',
        observed_at: '2026-11-20T14:03:58.120Z',
        version: 12,
      },
    },
  })

export const loggedReading = z
  .object({
    ...message,
    device_id: id.nullable(),
    space_id: id.nullable(),
    input_seq: z.int().nullable().openapi({ description: "its place in the space's order" }),
    policy_version: z.int().nullable(),
  })
  .openapi('LoggedReading', {
    example: {
      id: exampleId,
      part: 0,
      device: 'A-17',
      occupied: true,
      outcome: 'applied',
      reason: null,
      topic: 'parking/v1/city/devices/A-17/reading',
      delivery: null,
      clocks: { device: '2026-11-20T14:03:58.120Z', network: null, arrival: '2026-11-20T14:03:58.310Z' },
      observed_at: '2026-11-20T14:03:58.120Z',
      clock: 'device',
      clock_text: "the device's clock",
      session: '3',
      counter: 81,
      payload: { bytes: 18, text: '{"occupied": true}', hex: '7b226f63637570696564223a20747275657d' },
      device_id: otherExampleId,
      space_id: otherExampleId,
      input_seq: 1204,
      policy_version: 2,
    },
  })

export { outcome as readingOutcome }
