import { PageHeading } from '../components/heading.tsx'
import { useLoaded } from '../components/loaded.ts'
import { Empty, Show } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { allPages, bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'

export function SitesPage() {
  const { api } = useServices()
  const sites = useLoaded(
    () => allPages((cursor) => bodyOf(api.sites.$get({ query: { limit: '1000', ...(cursor ? { cursor } : {}) } }))),
    [],
  )
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
              { head: 'Site', cell: ({ id, name }) => <a href={`/sites/${id}`}>{name}</a> },
              { head: 'Code', cell: ({ code }) => <code>{code}</code> },
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
