import { useState } from 'preact/hooks'
import { Dialog } from '../components/dialog.tsx'
import { useEvery } from '../components/every.ts'
import { useLoaded } from '../components/loaded.ts'
import { Empty, Show } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { Age } from '../components/time.tsx'
import { counted } from '../numbers.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { Credentials } from './credentials.tsx'
import { ChoiceFilter, CodeFilter, codeOf } from './filters.tsx'
import { gatewayGroups, readGroups } from './groups.ts'
import { GatewayStateMark } from './health.tsx'
import type { Gateway } from './types.ts'

const shownAtFirst = 100
const shownMore = 200
const refreshMs = 60_000

const columns: readonly Column<Gateway>[] = [
  {
    head: 'Gateway',
    cell: ({ code, name }) => (
      <span class="named">
        <bdi class="code">{code}</bdi>
        {name === null ? null : <bdi class="fine">{name}</bdi>}
      </span>
    ),
  },
  { head: 'State', cell: (gateway) => <GatewayStateMark gateway={gateway} /> },
  { head: 'Said so', cell: ({ last_seen_at: at }) => <Age at={at} /> },
  { head: 'Messages per s', numeric: true, cell: ({ messages_per_s: limit }) => <Limit limit={limit} /> },
  { head: 'In flight', numeric: true, cell: ({ in_flight: limit }) => <Limit limit={limit} /> },
  {
    head: 'Credential',
    cell: ({ credential_since: since }) =>
      since === null ? (
        <span class="mark mark-warning">None</span>
      ) : (
        <>
          since <Age at={since} />
        </>
      ),
  },
]

function Limit({ limit }: { limit: number | null }) {
  return limit === null ? <span class="none">default</span> : <>{counted(limit)}</>
}

export function GatewayList() {
  const { api, navigation, session } = useServices()
  const { query } = navigation.place.value
  const [shown, setShown] = useState(shownAtFirst)
  const [managed, setManaged] = useState<string>()
  const presence = query.get('presence')
  const narrowed = codeOf(query)
  const gateways = useLoaded(
    (signal) =>
      readGroups<Gateway>({
        groups: gatewayGroups.filter((group) => presence === null || group['presence'] === presence),
        most: shown,
        read: (group) => bodyOf(api.gateways.$get({ query: { ...narrowed, ...group } }, { init: { signal } })),
      }),
    [JSON.stringify(narrowed), presence, shown],
  )
  useEvery(refreshMs, gateways.reload)
  const inHand = gateways.data?.items.find(({ id }) => id === managed)
  const manage: Column<Gateway> = {
    head: 'Change',
    cell: ({ id, code }) => (
      <button type="button" onClick={() => setManaged(id)}>
        Manage…<span class="unseen"> the credential of {code}</span>
      </button>
    ),
  }
  return (
    <>
      <search class="filters">
        <CodeFilter />
        <ChoiceFilter
          label="State"
          name="presence"
          choices={[
            { value: '', title: 'Any, offline first' },
            { value: 'offline', title: 'Offline' },
            { value: 'unknown', title: 'Not known' },
            { value: 'online', title: 'Online' },
          ]}
        />
      </search>
      <Show loaded={gateways}>
        {({ items, more }) => (
          <Table
            caption="Gateways, those first that are offline"
            items={items}
            keyOf={({ id }) => id}
            columns={session.may('devices:write') ? [...columns, manage] : columns}
            empty={<NoGateways filtered={query.has('code') || query.has('presence')} />}
            more={more ? { onMore: () => setShown(items.length + shownMore), loading: gateways.loading } : undefined}
          />
        )}
      </Show>
      {inHand === undefined ? null : (
        <Dialog title={`Gateway ${inHand.code}`} onClose={() => setManaged(undefined)}>
          <Credentials speaker={{ kind: 'gateway', ...inHand }} onChange={gateways.reload} />
          <div class="dialog-actions">
            <button type="button" onClick={() => setManaged(undefined)}>
              Close
            </button>
          </div>
        </Dialog>
      )}
    </>
  )
}

function NoGateways({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No gateway fits these filters">
        <p>
          <a href="/devices?tab=gateways">Show all gateways</a>
        </p>
      </Empty>
    )
  }
  return (
    <Empty title="There are no gateways">
      <p>
        They are needed only where devices do not speak MQTT themselves. <code>POST /api/v1/gateways</code> or{' '}
        <code>baywire device add --gateway</code> makes one.
      </p>
    </Empty>
  )
}
