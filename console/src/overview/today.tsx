import { useEvery } from '../components/every.ts'
import { useLoaded } from '../components/loaded.ts'
import { Empty, Show } from '../components/states.tsx'
import { counted, countOf } from '../numbers.ts'
import { outcomeFaces, outcomes } from '../outcomes.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { HoursChart } from './hours-chart.tsx'
import { HoursTable } from './hours-table.tsx'
import { dayOf, hoursOf, type Ledger } from './hours.ts'

const refreshMs = 60_000

/** What became of today's readings, by the books, and whether these balance. */
export function Today({ perMinute, devices, gateways }: { perMinute: number; devices: number; gateways: number }) {
  const { api } = useServices()
  const loaded = useLoaded(async (signal) => {
    const day = dayOf(new Date())
    const query = { from: day.from.toISOString() }
    return { day, ledger: await bodyOf(api.ledger.$get({ query }, { init: { signal } })) }
  }, [])
  useEvery(refreshMs, loaded.reload)
  return (
    <section class="panel today" aria-labelledby="today">
      <div class="section-heading">
        <h2 id="today">Readings today</h2>
        <span class="fine">
          {counted(Math.round(perMinute * 10) / 10)} a minute, of {countOf(devices, 'device')} and{' '}
          {countOf(gateways, 'gateway')}
        </span>
      </div>
      <Show loaded={loaded}>
        {({ ledger, day }) => {
          const hours = hoursOf(ledger.series, day)
          return (
            <>
              <Balance ledger={ledger} />
              {ledger.received === 0 ? (
                <Empty title="Nothing was delivered today">
                  <p>
                    Do devices and gateways reach the broker? Their state is on the page <a href="/devices">Devices</a>.
                  </p>
                </Empty>
              ) : (
                <>
                  <HoursChart hours={hours} />
                  <Outcomes ledger={ledger} />
                  <details>
                    <summary>By hour, as a table</summary>
                    <HoursTable hours={hours} />
                  </details>
                </>
              )}
            </>
          )
        }}
      </Show>
    </section>
  )
}

function Balance({ ledger: { balanced, imbalance, received } }: { ledger: Ledger }) {
  if (balanced === null) {
    return <p>{countOf(received, 'reading')}: too many to be counted against the log at once.</p>
  }
  if (balanced) {
    return (
      <p>
        <span class="mark mark-good">The books balance:</span> {countOf(received, 'delivery', 'deliveries')}, and the
        log has as many.
      </p>
    )
  }
  return (
    <p role="alert">
      <span class="mark mark-danger">The books do not balance:</span> ledger and log differ by{' '}
      {countOf(imbalance ?? 0, 'reading')}. <code>baywire ledger</code> shows in which minutes; the job{' '}
      <a href="/jobs">books</a> looks for it, too.
    </p>
  )
}

/** All outcomes of the day, also those that the chart puts together. */
function Outcomes({ ledger }: { ledger: Ledger }) {
  return (
    <ul class="outcomes" aria-label="Readings today by outcome">
      {outcomes.map((outcome) => (
        <li key={outcome} title={outcomeFaces[outcome].about} class={ledger[outcome] === 0 ? 'none' : undefined}>
          <span>{outcomeFaces[outcome].label}</span> <strong data-outcome={outcome}>{counted(ledger[outcome])}</strong>
        </li>
      ))}
    </ul>
  )
}
