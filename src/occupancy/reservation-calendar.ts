import type { Policy } from './policy.ts'

/**
 * A reservation as the calendar sees it. Pure, as all of this room: times are epoch milliseconds and come from outside.
 *
 *   pending ──▶ confirmed ──▶ active ──▶ completed
 *      └▶ expired    │           ├─────▶ no_show
 *                    └───────────┴─────▶ cancelled
 *
 * What happens by itself follows from the reservation, the policy in force, the evidence of its space and the time, and
 * from nothing else: not from when somebody looked (reservation-steps.ts).
 */
export type ReservationState = 'pending' | 'confirmed' | 'active' | 'completed' | 'cancelled' | 'expired' | 'no_show'

/** The states in which it keeps its space from others. */
export const liveStates = ['pending', 'confirmed', 'active'] as const satisfies readonly ReservationState[]

export interface Reservation {
  readonly id: string
  readonly state: ReservationState
  readonly createdAt: number
  readonly startsAt: number
  readonly endsAt: number
  /** Of a pending one: when it stops to hold its space. */
  readonly holdExpiresAt: number | null
  readonly checkedInAt: number | null
  readonly checkedOutAt: number | null
  /** When the car that stands there came, where it came for this reservation by the evidence. */
  readonly arrivedAt: number | null
  /** When somebody else was last found in its space; null when they have gone. */
  readonly contestedAt: number | null
  readonly overstayedAt: number | null
  readonly endedAt: number | null
  /** The input of its space up to which evidence has been applied to it; null before its space is watched for it. */
  readonly evidenceSeq: number | null
}

export function isLive({ state }: Pick<Reservation, 'state'>): boolean {
  return liveStates.some((live) => live === state)
}

/** From then on its space shows that it is near, and who comes has come for it. */
export function soonAt({ startsAt }: Pick<Reservation, 'startsAt'>, policy: Policy): number {
  return startsAt - policy.reserved_soon_s * 1000
}

/** When a hold that nobody confirmed ends. */
export function holdEndsAt({ holdExpiresAt, endsAt }: Pick<Reservation, 'holdExpiresAt' | 'endsAt'>): number {
  return Math.min(holdExpiresAt ?? endsAt, endsAt)
}

/**
 * The next moment at which the calendar must look at a reservation: what whoever writes its row puts into `next_due_at`. Never
 * later than the true one, which depends on the evidence of its space: looking too early changes nothing.
 *
 * @param now where what is due before has been fed by the caller; left out, the first moment of the state it is in
 * @returns null where nothing will happen by itself any more
 */
export function nextDue(
  reservation: Pick<Reservation, 'state' | 'startsAt' | 'endsAt' | 'holdExpiresAt' | 'checkedInAt'>,
  policy: Policy,
  now = -Infinity,
): number | null {
  const { state, startsAt, endsAt, checkedInAt } = reservation
  switch (state) {
    case 'pending':
      return holdEndsAt(reservation)
    case 'confirmed': {
      const soon = soonAt(reservation, policy)
      return soon > now ? soon : startsAt
    }
    case 'active': {
      if (checkedInAt !== null) return endsAt
      return startsAt + Math.min(endsAt - startsAt, policy.no_show_after_s * 1000, policy.check_in_grace_s * 1000)
    }
    case 'completed':
    case 'cancelled':
    case 'expired':
    case 'no_show':
      return null
  }
}
