import { useEffect } from 'preact/hooks'
import { useEvery } from '../components/every.ts'
import { PageHeading } from '../components/heading.tsx'
import { useLoaded } from '../components/loaded.ts'
import { Show } from '../components/states.tsx'
import { Time } from '../components/time.tsx'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { needsOf } from './attention.ts'
import { LastChanges } from './last-changes.tsx'
import { Needs } from './needs.tsx'
import { SiteCounts } from './site-counts.tsx'
import { Today } from './today.tsx'
import '../styles/marks.css'
import './overview.css'

/** What no stream tells is looked at so often. */
const refreshMs = 60_000

/** How it goes: what needs somebody, the sites as they are now, today's readings, what changed last. */
export function OverviewPage() {
  const { api, live, session } = useServices()
  const seesJobs = session.may('jobs:read')
  const dashboard = useLoaded(async (signal) => {
    await live.settled()
    return await bodyOf(api.dashboard.$get({ query: {} }, { init: { signal } }))
  }, [])
  const jobs = useLoaded(
    async (signal) => (seesJobs ? (await bodyOf(api.jobs.$get({ query: {} }, { init: { signal } }))).items : undefined),
    [seesJobs],
  )
  useEffect(() => live.follow({ onReset: dashboard.reload }), [])
  useEvery(refreshMs, () => {
    dashboard.reload()
    jobs.reload()
  })
  return (
    <>
      <PageHeading title="Overview">
        {dashboard.data === undefined ? null : (
          <span class="fine">
            as of <Time at={dashboard.data.as_of} />
          </span>
        )}
      </PageHeading>
      <Show loaded={dashboard}>
        {({ attention, sites, events, devices, gateways, readings_per_minute: perMinute }) => (
          <div class="overview">
            <Needs
              needs={needsOf({
                attention,
                jobs: jobs.data,
                seesMessages: session.may('readings:read'),
                now: new Date(),
              })}
              failed={jobs.error}
            />
            <SiteCounts sites={sites} />
            <Today perMinute={perMinute} devices={devices.total} gateways={gateways.total} />
            <LastChanges events={events} />
          </div>
        )}
      </Show>
    </>
  )
}
