import type { VisibleState } from './state.ts'

export type EventKind =
  | 'occupied'
  | 'vacated'
  | 'reserved_soon'
  | 'reserved'
  | 'released'
  | 'checked_in'
  | 'no_show'
  | 'contested'
  | 'overstayed'
  | 'blocked'
  | 'taken_out_of_service'
  | 'returned_to_service'
  | 'sensor_lost'
  | 'sensor_recovered'

/** What brought an event about, by id. */
export type Cause =
  | { readonly type: 'reading'; readonly id: string; readonly part: number }
  | { readonly type: 'reservation'; readonly id: string }
  | { readonly type: 'user'; readonly id: string }
  | { readonly type: 'timer'; readonly timer: string; readonly at: number }

/** The rule that fired, as numbered in step.ts. */
export type Rule =
  | 'reading'
  | 'debounce_readings'
  | 'debounce_hold'
  | 'sensor_timeout'
  | 'unknown_after'
  | 'evidence_returned'
  | 'withdrawn'
  | 'reservation'
  | 'override'

export interface SpaceEvent {
  readonly kind: EventKind
  /** When it happened, in epoch milliseconds. */
  readonly eventTime: number
  readonly cause: Cause
  readonly rule: Rule
  /** What people see from then on. */
  readonly state: VisibleState
}
