import type { Policy } from '../occupancy/policy.ts'
import { nextDue } from '../occupancy/reservation-calendar.ts'
import type { Reservation } from '../store/reservations.ts'

type Dated = Pick<Reservation, 'state' | 'startsAt' | 'endsAt' | 'holdExpiresAt' | 'checkedInAt'>

/** When the calendar must look at a row that is being written. */
export function nextDueAt({ state, startsAt, endsAt, holdExpiresAt, checkedInAt }: Dated, policy: Policy): Date | null {
  const due = nextDue(
    {
      state,
      startsAt: startsAt.getTime(),
      endsAt: endsAt.getTime(),
      holdExpiresAt: holdExpiresAt?.getTime() ?? null,
      checkedInAt: checkedInAt?.getTime() ?? null,
    },
    policy,
  )
  return due === null ? null : new Date(due)
}
