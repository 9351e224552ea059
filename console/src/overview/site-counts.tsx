import { useEffect, useState } from 'preact/hooks'
import { useLoaded } from '../components/loaded.ts'
import { Empty } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { Refresher } from '../live/refresher.ts'
import { counted, countOf } from '../numbers.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { statuses, statusFaces, StatusMark, type Status } from '../status.tsx'
import type { Dashboard } from './attention.ts'

type Site = Dashboard['sites'][number]

/** Counts are of the server's memory and cost it little; still, a town where much happens is not asked at each change. */
const leastMs = 5000
const shownAtFirst = 25

/** The sites with how many of their spaces show what, as it changes. */
export function SiteCounts({ sites }: { sites: readonly Site[] }) {
  const counts = useLiveCounts()
  const [all, setAll] = useState(false)
  const shown = all ? sites : sites.slice(0, shownAtFirst)
  return (
    <section aria-labelledby="sites-now" class="sites-now">
      <h2 id="sites-now">Sites now</h2>
      <Table
        caption="Sites, and how many of their spaces show what"
        items={shown.map((site) => ({ ...site, ...counts.get(site.id) }))}
        keyOf={({ id }) => id}
        columns={columns}
        empty={
          <Empty title="There are no sites yet">
            <p>
              Make one with <code>POST /api/v1/sites</code>, or many places at once with <code>baywire import</code>.
            </p>
          </Empty>
        }
        more={shown.length < sites.length ? { onMore: () => setAll(true), loading: false } : undefined}
      />
    </section>
  )
}

interface LiveCounts {
  total: number
  status: Record<Status, number>
  stale: number
}

function useLiveCounts(): ReadonlyMap<string, LiveCounts> {
  const { api, live } = useServices()
  const loaded = useLoaded(async (signal) => {
    await live.settled()
    const { as_of: asOf, sites } = await bodyOf(api.availability.$get({ query: {} }, { init: { signal } }))
    const bySite = new Map(sites.map(({ site_id: id, total, status, stale }) => [id, { total, status, stale }]))
    return { asOf, bySite }
  }, [])
  /** Of the newest event that was heard of. */
  const [heard, setHeard] = useState('')
  const [refresher] = useState(() => new Refresher({ leastMs, refresh: loaded.reload }))
  useEffect(() => {
    const stop = live.follow({
      onEvent: (event) => {
        setHeard((before) => (before < event.recorded_at ? event.recorded_at : before))
        refresher.tell()
      },
      onReset: loaded.reload,
    })
    return () => {
      stop()
      refresher.stop()
    }
  }, [])
  const asOf = loaded.data?.asOf ?? ''
  useEffect(() => {
    // Another process may have answered, which had not heard of it yet.
    if (asOf !== '' && asOf < heard) refresher.tell()
  }, [asOf])
  return loaded.data?.bySite ?? new Map<string, LiveCounts>()
}

function countColumn(status: Status): Column<Site> {
  return {
    head: statusFaces[status].label,
    numeric: true,
    cell: (site) => (
      <span class={site.status[status] === 0 ? 'site-count none' : 'site-count'}>
        <StatusMark status={status} />
        <span data-count={status}>{counted(site.status[status])}</span>
      </span>
    ),
  }
}

const columns: readonly Column<Site>[] = [
  {
    head: 'Site',
    cell: ({ id, name, code }) => (
      <span class="named">
        <a href={`/sites/${id}`}>
          <bdi>{name}</bdi>
        </a>
        {name === code ? null : <bdi class="fine">{code}</bdi>}
      </span>
    ),
  },
  { head: 'Spaces', numeric: true, cell: ({ total }) => counted(total) },
  ...statuses.map(countColumn),
  {
    head: 'Devices',
    cell: ({ sensors, silent_sensors: silent }) =>
      silent === 0 ? (
        counted(sensors)
      ) : (
        <span class="named">
          {counted(sensors)}
          <span class="mark mark-danger">{countOf(silent, 'silent', 'silent')}</span>
        </span>
      ),
  },
]
