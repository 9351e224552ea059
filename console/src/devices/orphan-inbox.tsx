import { useState } from 'preact/hooks'
import { useEvery } from '../components/every.ts'
import { usePaged } from '../components/paged.ts'
import { Empty, ErrorNote, Show } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { Age } from '../components/time.tsx'
import { counted } from '../numbers.ts'
import { bodyOf, newIdempotencyKey } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { ClaimDialog } from './claim-dialog.tsx'
import { ChoiceFilter, CodeFilter, codeOf } from './filters.tsx'
import type { Orphan } from './types.ts'

const refreshMs = 60_000

/** Devices that were heard and that nobody knows: claim them, or hear no more of them. */
export function OrphanInbox({ onChange }: { onChange: () => void }) {
  const { api, navigation, session } = useServices()
  const { query } = navigation.place.value
  const ignored = query.get('ignored') === 'true'
  const narrowed = codeOf(query)
  const orphans = usePaged(
    (cursor, signal) => {
      const asked = { ignored: String(ignored) as 'true' | 'false', ...narrowed, ...(cursor ? { cursor } : {}) }
      return bodyOf(api.orphans.$get({ query: asked }, { init: { signal } }))
    },
    [JSON.stringify(narrowed), ignored],
  )
  const changed = () => {
    orphans.loaded.reload()
    onChange()
  }
  useEvery(refreshMs, changed)
  const [claimed, setClaimed] = useState<Orphan>()
  const [error, setError] = useState<Error>()
  const ignore = async ({ device }: Orphan) => {
    setError(undefined)
    const request = { param: { code: device }, header: { 'idempotency-key': newIdempotencyKey() } }
    try {
      await (ignored ? api.orphans[':code'].unignore.$post(request) : api.orphans[':code'].ignore.$post(request))
      changed()
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown : new Error(String(thrown)))
    }
  }
  const actions: Column<Orphan> = {
    head: 'Do',
    cell: (orphan) => (
      <span class="actions">
        <button type="button" onClick={() => setClaimed(orphan)}>
          Claim…<span class="unseen"> {orphan.device}</span>
        </button>
        <button type="button" onClick={() => void ignore(orphan)}>
          {ignored ? 'Hear of it again' : 'Ignore'}
          <span class="unseen">: {orphan.device}</span>
        </button>
      </span>
    ),
  }
  return (
    <>
      <search class="filters">
        <CodeFilter />
        <ChoiceFilter
          label="Show"
          name="ignored"
          choices={[
            { value: '', title: 'Those to be looked at' },
            { value: 'true', title: 'Those ignored' },
          ]}
        />
      </search>
      {error === undefined ? null : <ErrorNote error={error} />}
      <Show loaded={orphans.loaded}>
        {(items) => (
          <Table
            caption="Devices that were heard and are not known"
            items={items}
            keyOf={({ device }) => device}
            columns={session.may('devices:write') ? [...columns, actions] : columns}
            empty={<NoOrphans filtered={query.has('code')} ignored={ignored} />}
            more={orphans.more}
          />
        )}
      </Show>
      {claimed === undefined ? null : (
        <ClaimDialog orphan={claimed} onClaimed={changed} onClose={() => setClaimed(undefined)} />
      )}
    </>
  )
}

const columns: readonly Column<Orphan>[] = [
  {
    head: 'Code',
    cell: ({ device }) => <bdi class="code">{device}</bdi>,
  },
  { head: 'Readings', numeric: true, cell: ({ heard }) => counted(heard) },
  { head: 'First heard', cell: ({ first_heard_at: at }) => <Age at={at} /> },
  { head: 'Last heard', cell: ({ last_heard_at: at }) => <Age at={at} /> },
  { head: 'Last message', cell: ({ sample }) => <Sample sample={sample} /> },
]

/** The beginning of a message, as text or, where it is none, as hex. */
export function Sample({ sample: { topic, bytes, text, hex } }: { sample: Orphan['sample'] }) {
  const shownBytes = hex.length / 2
  return (
    <span class="sample">
      <code class="fine">{topic}</code>
      {text === null ? <code dir="ltr">{hex}</code> : <code dir="ltr">{text}</code>}
      {text === null ? <span class="fine">not text: shown as hex</span> : null}
      {bytes > shownBytes ? (
        <span class="fine">
          the first {shownBytes} of {counted(bytes)} bytes
        </span>
      ) : null}
    </span>
  )
}

function NoOrphans({ filtered, ignored }: { filtered: boolean; ignored: boolean }) {
  if (filtered) {
    return (
      <Empty title="Nobody unknown has a code that begins so">
        <p>
          <a href={`/devices?tab=orphans${ignored ? '&ignored=true' : ''}`}>Show all</a>
        </p>
      </Empty>
    )
  }
  if (ignored) {
    return (
      <Empty title="Nobody is ignored">
        <p>
          <a href="/devices?tab=orphans">Back to those to be looked at</a>
        </p>
      </Empty>
    )
  }
  return (
    <Empty title="The inbox is empty: everybody who speaks is known">
      <p>A device that is heard and that nobody made shows here, with the beginning of what it said, to be claimed.</p>
    </Empty>
  )
}
