import { useEffect } from 'preact/hooks'
import { PageHeading } from '../components/heading.tsx'
import { useLoaded } from '../components/loaded.ts'
import { Empty, Show } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { allPages, bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { StatusMark } from '../status.tsx'

/** However much happens, the counts are read again no sooner than that. */
const countEveryMs = 10_000

/** All sites, with how many of their spaces are free. */
export function SitesPage() {
  const { api } = useServices()
  const sites = useLoaded(
    (signal) =>
      allPages((cursor) => {
        const query = { limit: '1000', ...(cursor === undefined ? {} : { cursor }) }
        return bodyOf(api.sites.$get({ query }, { init: { signal } }))
      }),
    [],
  )
  const counts = useCounts()
  return (
    <>
      <PageHeading title="Sites" />
      <Show loaded={sites}>
        {(items) => (
          <Table
            caption="Sites"
            items={items}
            keyOf={({ id }) => id}
            columns={[
              {
                head: 'Site',
                cell: ({ id, name }) => (
                  <a href={`/sites/${id}`}>
                    <bdi>{name}</bdi>
                  </a>
                ),
              },
              { head: 'Code', cell: ({ code }) => <code>{code}</code> },
              { head: 'Spaces', numeric: true, cell: ({ code }) => counts.get(code)?.total ?? '' },
              {
                head: 'Free',
                numeric: true,
                cell: ({ code }) => {
                  const count = counts.get(code)
                  return count === undefined ? null : (
                    <span class="badge">
                      <StatusMark status="free" />
                      {count.status.free}
                    </span>
                  )
                },
              },
              { head: 'Occupied', numeric: true, cell: ({ code }) => counts.get(code)?.status.occupied ?? '' },
              { head: 'Unknown', numeric: true, cell: ({ code }) => counts.get(code)?.status.unknown ?? '' },
              { head: 'Stale', numeric: true, cell: ({ code }) => counts.get(code)?.stale ?? '' },
              { head: 'Time zone', cell: ({ timezone }) => timezone },
            ]}
            empty={
              <Empty title="There are no sites yet">
                <p>
                  Make one with <code>POST /api/v1/sites</code>, or many places at once with <code>baywire import</code>
                  .
                </p>
              </Empty>
            }
          />
        )}
      </Show>
    </>
  )
}

/** By the code of the site; read again when something happened. */
function useCounts() {
  const { api, live } = useServices()
  const counts = useLoaded((signal) => bodyOf(api.availability.$get({ query: {} }, { init: { signal } })), [])
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const soon = () => {
      timer ??= setTimeout(() => {
        timer = undefined
        counts.reload()
      }, countEveryMs)
    }
    const stop = live.follow({ onEvent: soon, onReset: soon })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [])
  return new Map((counts.data?.sites ?? []).map((each) => [each.site, each]))
}
