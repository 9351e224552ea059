import { Field } from '../components/field.tsx'
import { useServices } from '../services.ts'
import { dayAfter, wallDay } from '../zone-times.ts'
import type { SiteChoice } from './new-reservation.tsx'
import { isDay, reservationFaces, reservationStates, type Filters } from './reservation-view.ts'

/** Where, when and which: all of it in the URL. */
export function ReservationFilters({
  sites,
  filters: { siteId, when, show },
  timezone,
}: {
  sites: readonly SiteChoice[]
  filters: Filters
  timezone: string | undefined
}) {
  const { navigation } = useServices()
  const today = wallDay(new Date(), timezone)
  const day = isDay(when) ? when : today
  const goTo = (to: string) => navigation.setQuery({ when: to === today ? undefined : to })
  return (
    <div class="filters reservation-filters">
      {sites.length > 1 ? (
        <Field label="Site">
          {(input) => (
            <select
              {...input}
              value={siteId ?? ''}
              onChange={(event) => navigation.setQuery({ site: event.currentTarget.value })}
            >
              <option value="">All sites</option>
              {sites.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
      ) : null}
      <div class="button-row" role="group" aria-label="Time">
        <button type="button" aria-pressed={when === 'now'} onClick={() => navigation.setQuery({ when: 'now' })}>
          Now
        </button>
        <button type="button" aria-pressed={when === 'today'} onClick={() => goTo(today)}>
          Today
        </button>
        <button type="button" aria-label="The day before" onClick={() => goTo(dayAfter(day, -1))}>
          ‹
        </button>
        <input
          type="date"
          aria-label="Day"
          required
          value={day}
          onChange={(event) => {
            if (isDay(event.currentTarget.value)) goTo(event.currentTarget.value)
          }}
        />
        <button type="button" aria-label="The day after" onClick={() => goTo(dayAfter(day, 1))}>
          ›
        </button>
      </div>
      <Field label="Show">
        {(input) => (
          <select
            {...input}
            value={show}
            onChange={(event) => navigation.setQuery({ show: event.currentTarget.value })}
          >
            <option value="">All</option>
            <option value="open">Open ones</option>
            <option value="needs">Contested, overstayed, no-shows</option>
            {reservationStates.map((state) => (
              <option key={state} value={state}>
                {reservationFaces[state].label}
              </option>
            ))}
          </select>
        )}
      </Field>
    </div>
  )
}
