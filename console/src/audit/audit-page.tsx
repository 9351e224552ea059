import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { PageHeading } from '../components/heading.tsx'
import { usePaged } from '../components/paged.ts'
import { Empty, Show } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import type { Names } from '../names.ts'
import { useNames } from '../people.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { localTime } from '../times.ts'
import { AuditFilterForm } from './audit-filter-form.tsx'
import { askedOf, auditFiltersOf, filterNames, isFiltered, type AuditFilters } from './audit-filters.ts'
import { actorName, sentenceOf, type Entry, type Told } from './sentences.ts'
import { usePlaces } from './use-places.ts'
import './audit.css'

const entriesPerPage = '50'
const nobody: Names = { known: new Map(), ownId: undefined }

/** What was done in the tenant, by whom: the newest first. */
export function AuditPage() {
  const { api, navigation } = useServices()
  const filters = auditFiltersOf(navigation.place.value.query)
  const names = useNames()
  const { loaded, more } = usePaged<Entry>(async (cursor, signal) => {
    const query = { ...askedOf(filters), limit: entriesPerPage, ...(cursor === undefined ? {} : { cursor }) }
    return await bodyOf(api.audit.$get({ query }, { init: { signal } }))
  }, Object.values(filters))
  const people = names.data ?? nobody
  const places = usePlaces(loaded.data ?? [])
  const told: Told = { people, places, time: (at) => localTime(new Date(at)) }
  return (
    <>
      <PageHeading title="Audit">
        <button type="button" onClick={loaded.reload} disabled={loaded.loading}>
          Read again
        </button>
      </PageHeading>
      <AuditFilterForm filters={filters} people={people} />
      <Show loaded={loaded}>
        {(entries) => (
          <>
            <Table
              caption="What was done, the newest first"
              items={entries}
              keyOf={({ seq }) => String(seq)}
              columns={[
                { head: 'When', cell: ({ at }) => <Time at={at} /> },
                { head: 'What', cell: (entry) => <EntryWords entry={entry} told={told} /> },
                { head: 'No.', cell: ({ seq }) => seq, numeric: true },
              ]}
              empty={<NoEntries filters={filters} />}
              more={more}
            />
            <Verification newest={isFiltered(filters) ? undefined : entries[0]} />
          </>
        )}
      </Show>
    </>
  )
}

/** `Anna blocked A-17 until 18:00`, with all that is kept of it on demand. */
function EntryWords({ entry, told }: { entry: Entry; told: Told }) {
  const { actor, action, target, detail } = entry
  return (
    <>
      <p class="entry-words">
        <FilterLink name="actor" value={`${actor.kind}:${actor.id}`} title="All that they did">
          <bdi>{actorName(entry, told)}</bdi>
        </FilterLink>{' '}
        {sentenceOf(entry, told).map((word, index) =>
          typeof word === 'string' ? (
            word
          ) : (
            <bdi key={index} class="thing">
              {word.href === undefined ? word.name : <a href={word.href}>{word.name}</a>}
            </bdi>
          ),
        )}
      </p>
      <details class="entry-detail">
        <summary>
          <code>{action}</code>
        </summary>
        <dl class="facts">
          <dt>By</dt>
          <dd>
            <code>
              {actor.kind}:{actor.id}
            </code>
          </dd>
          <dt>Done to</dt>
          <dd>
            <FilterLink name="target" value={`${target.kind}:${target.id}`} title="All that was done to it">
              <code>
                {target.kind}:{target.id}
              </code>
            </FilterLink>
          </dd>
          <dt>Action</dt>
          <dd>
            <FilterLink name="action" value={action} title="All of this action">
              <code>{action}</code>
            </FilterLink>
          </dd>
          <dt>Request</dt>
          <dd>{entry.request_id === null ? <span class="none">none</span> : <code>{entry.request_id}</code>}</dd>
          <dt>Hash</dt>
          <dd>
            <code>{entry.hash}</code>
          </dd>
        </dl>
        <pre tabIndex={0} aria-label="Details as JSON">
          {JSON.stringify(detail, null, 2)}
        </pre>
      </details>
    </>
  )
}

function FilterLink({
  name,
  value,
  title,
  children,
}: {
  name: keyof AuditFilters
  value: string
  title: string
  children: ComponentChildren
}) {
  return (
    <a class="filter-link" href={`/audit?${new URLSearchParams({ [name]: value })}`} title={title}>
      {children}
    </a>
  )
}

function NoEntries({ filters }: { filters: AuditFilters }) {
  const { navigation } = useServices()
  if (!isFiltered(filters)) {
    return (
      <Empty title="Nothing was done yet">
        <p>What people, API keys and commands change from now on stands here, and can never be changed or removed.</p>
      </Empty>
    )
  }
  return (
    <Empty title="Nothing like this was done">
      <p>Choose a longer time, or less to look for.</p>
      <button
        type="button"
        onClick={() => navigation.setQuery(Object.fromEntries(filterNames.map((name) => [name, undefined])))}
      >
        Show everything
      </button>
    </Empty>
  )
}

/** That nobody has changed what stands here is not for this page to say. */
function Verification({ newest }: { newest: Entry | undefined }) {
  const { session } = useServices()
  const state = session.state.value
  const me = state.kind === 'signed in' ? state.me : undefined
  const slug = me?.tenants.find(({ id }) => id === me.tenant?.id)?.slug
  const [open, setOpen] = useState(false)
  useEffect(() => setOpen(false), [slug])
  return (
    <details class="panel verification" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>How to check that nothing was changed or removed</summary>
      <p>
        Each entry has a hash over its content and the hash of the one before it. Whoever has a shell on the server
        verifies the whole chain:
      </p>
      <pre tabIndex={0}>baywire audit verify{slug === undefined ? '' : ` --tenant ${slug}`}</pre>
      <p>
        It ends with exit code 1 where the chain is broken, and names the first entry concerned. Whoever owns the
        database could write the whole chain anew, but not with a hash in it that you noted elsewhere: write the newest
        one down from time to time.
      </p>
      {newest === undefined ? null : (
        <p>
          The newest is no. {newest.seq}: <code class="hash">{newest.hash}</code>
        </p>
      )}
    </details>
  )
}
