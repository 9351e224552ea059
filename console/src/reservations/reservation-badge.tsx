import { Time } from '../components/time.tsx'
import { isContested, isOpen, reservationFaces, type Reservation } from './reservation-view.ts'

/** How a reservation stands, with what needs to be known besides. */
export function StateBadge({ reservation, timezone }: { reservation: Reservation; timezone?: string | undefined }) {
  const { state, checked_in_at: checkedIn, overstayed_at: overstayed, hold_expires_at: expires } = reservation
  const { label, mark, about } = reservationFaces[state]
  return (
    <span class="reservation-state" title={about}>
      <span class="badge">
        <span class={`timeline-sample ${isOpen(reservation) ? `bar-${state}` : 'bar-over'}`} aria-hidden="true">
          {mark}
        </span>
        {label}
      </span>
      {checkedIn !== null && isOpen(reservation) ? <span class="flag">checked in</span> : null}
      {state === 'pending' && expires !== null ? (
        <span class="flag">
          until <Time at={expires} timezone={timezone} />
        </span>
      ) : null}
      {isContested(reservation) ? <span class="flag flag-needs">! somebody else stands there</span> : null}
      {overstayed === null ? null : <span class="flag flag-needs">! overstayed</span>}
    </span>
  )
}
