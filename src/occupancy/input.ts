/**
 * What may reach `step`. Times are epoch milliseconds; every input brings its own, none is read from a clock.
 */

/** What a device said, as decoded, before anyone judged its clock. */
export interface Reading {
  readonly occupied: boolean
  /** Measurement time by the device's clock, as sent; null where it sent none. */
  readonly at: number | null
  /** What the counter counts within: the boot number or join session, as text. */
  readonly session: string | null
  readonly counter: number | null
  /** It said so itself: sent because of its time, not because anything changed. */
  readonly heartbeat?: boolean
}

export interface ReadingInput extends Reading {
  readonly kind: 'reading'
  /** Message id and part: the cause of the events. */
  readonly id: string
  readonly part: number
  readonly device: string
  readonly receivedAt: number
  /** Its clock ran backwards by the evidence of the space where the device stood before: trust the arrival. */
  readonly clockBackwardsElsewhere?: boolean
}

export type EvidenceDeadline = 'debounce_hold' | 'sensor_timeout' | 'unknown_after'

/** A deadline in the state that passed; `at` is the deadline's own time, not that of the sweep. */
export interface DeadlineInput {
  readonly kind: 'deadline'
  readonly deadline: EvidenceDeadline
  readonly at: number
}

export type ReservationPhase =
  | 'soon'
  | 'started'
  | 'checked_in'
  | 'check_in_overdue'
  | 'no_show'
  | 'overstayed'
  | 'released'

/** A moment on the reservation calendar, or something its holder did. */
export interface ReservationInput {
  readonly kind: 'reservation'
  readonly phase: ReservationPhase
  readonly reservation: string
  readonly at: number
}

export type Override = 'none' | 'blocked' | 'out_of_service'

export interface OverrideInput {
  readonly kind: 'override'
  readonly override: Override
  readonly at: number
  /** The operator's id, or null where the override's own end came. */
  readonly user: string | null
}

export type Input = ReadingInput | DeadlineInput | ReservationInput | OverrideInput
