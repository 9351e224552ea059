import { useState } from 'preact/hooks'
import { useEvery } from '../components/every.ts'
import { useLoaded } from '../components/loaded.ts'
import { Empty, Show } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { Age } from '../components/time.tsx'
import { useBatches } from '../live/batches.ts'
import type { SpaceEvent } from '../live/live.ts'
import { OutcomeMark } from '../outcome-mark.tsx'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { ChoiceFilter, CodeFilter, codeOf } from './filters.tsx'
import { deviceGroupsOf, readGroups } from './groups.ts'
import { Battery, DeviceStateMark, isBatteryLow, Signal } from './health.tsx'
import { useSites } from './sites.ts'
import type { Device } from './types.ts'

const shownAtFirst = 100
const shownMore = 200
/** Batteries are told by devices, not by the API's filter: so many are looked at. */
const lookedAt = 1000
const refreshMs = 60_000

const columns: readonly Column<Device>[] = [
  {
    head: 'Device',
    cell: ({ id, code, name }) => (
      <span class="named">
        <a href={`/devices/${id}`}>
          <bdi>{code}</bdi>
        </a>
        {name === null ? null : <bdi class="fine">{name}</bdi>}
      </span>
    ),
  },
  { head: 'State', cell: (device) => <DeviceStateMark device={device} /> },
  { head: 'Last heard', cell: ({ last_heard_at: at }) => <Age at={at} /> },
  { head: 'Space', cell: (device) => <SpaceLink device={device} /> },
  { head: 'Battery', numeric: true, cell: (device) => <Battery device={device} /> },
  { head: 'Signal', numeric: true, cell: (device) => <Signal device={device} /> },
  { head: 'Last reading', cell: ({ last_outcome: outcome }) => <OutcomeMark outcome={outcome} /> },
]

export function SpaceLink({ device: { space, space_id: id } }: { device: Pick<Device, 'space' | 'space_id'> }) {
  if (id === null) return <span class="none">nowhere</span>
  return (
    <a href={`/spaces/${id}`}>
      <bdi>{space ?? id}</bdi>
    </a>
  )
}

export function DeviceList() {
  const { navigation } = useServices()
  const { query } = navigation.place.value
  const [shown, setShown] = useState(shownAtFirst)
  const devices = useDevices(query, shown)
  useEvery(refreshMs, devices.reload)
  const filtered = ['code', 'site', 'state', 'presence'].some((name) => query.has(name))
  return (
    <>
      <DeviceFilters />
      <Show loaded={devices}>
        {({ items, more }) => (
          <Table
            caption="Devices, those first that need somebody"
            items={items}
            keyOf={({ id }) => id}
            columns={columns}
            empty={filtered ? <NoneFits /> : <NoDevices />}
            more={more ? { onMore: () => setShown(items.length + shownMore), loading: devices.loading } : undefined}
          />
        )}
      </Show>
    </>
  )
}

/** By what the URL says; what a change of a space tells about its device is shown at once. */
function useDevices(query: URLSearchParams, shown: number) {
  const { api, live } = useServices()
  const state = query.get('state')
  const narrowed = {
    ...codeOf(query),
    ...(query.get('site') ? { site_id: query.get('site') ?? '' } : {}),
    ...(query.get('presence') ? { presence: query.get('presence') ?? '' } : {}),
  }
  const [newer, setNewer] = useState<ReadonlyMap<string, SpaceEvent>>(new Map())
  const loaded = useLoaded(
    async (signal) => {
      await live.settled()
      setNewer(new Map())
      const { items, more } = await readGroups<Device>({
        groups: deviceGroupsOf(state),
        most: state === 'low-battery' ? lookedAt : shown,
        read: (group) => bodyOf(api.devices.$get({ query: { ...narrowed, ...group } as object }, { init: { signal } })),
      })
      return state === 'low-battery' ? { items: items.filter(isBatteryLow), more: false } : { items, more }
    },
    [JSON.stringify(narrowed), state, shown],
  )
  useBatches((events) => {
    setNewer((before) => new Map([...before, ...events.map((event) => [event.space_id, event] as const)]))
  }, loaded.reload)
  const { data } = loaded
  const items = data?.items.map((device) => heardOf(device, newer.get(device.space_id ?? '')))
  return { ...loaded, data: data === undefined || items === undefined ? undefined : { ...data, items } }
}

function heardOf(device: Device, event: SpaceEvent | undefined): Device {
  if (event === undefined) return device
  const { stale, observed_at: observedAt } = event.state
  const isNewer = observedAt !== null && (device.last_heard_at ?? '') < observedAt
  return { ...device, silent: observedAt === null || stale, last_heard_at: isNewer ? observedAt : device.last_heard_at }
}

function DeviceFilters() {
  const sites = useSites()
  return (
    <search class="filters">
      <CodeFilter />
      <ChoiceFilter
        label="State"
        name="state"
        choices={[
          { value: '', title: 'Any, silent first' },
          { value: 'silent', title: 'Silent' },
          { value: 'heard', title: 'Heard' },
          { value: 'nowhere', title: 'Stands nowhere' },
          { value: 'low-battery', title: 'Low battery' },
        ]}
      />
      <ChoiceFilter
        label="Site"
        name="site"
        choices={[
          { value: '', title: 'Any' },
          ...(sites.data ?? []).map(({ id, name }) => ({ value: id, title: name })),
        ]}
      />
      <ChoiceFilter
        label="Status topic"
        name="presence"
        choices={[
          { value: '', title: 'Any' },
          { value: 'online', title: 'Online' },
          { value: 'offline', title: 'Offline' },
          { value: 'unknown', title: 'Never spoke' },
        ]}
      />
    </search>
  )
}

function NoneFits() {
  return (
    <Empty title="No device fits these filters">
      <p>
        <a href="/devices">Show all devices</a>
      </p>
    </Empty>
  )
}

function NoDevices() {
  return (
    <Empty title="There are no devices yet">
      <p>
        Make one with <code>POST /api/v1/devices</code> or <code>baywire device add</code>, and let it publish as its
        credential says. One that speaks already waits in the <a href="/devices?tab=orphans">orphan inbox</a>.
      </p>
    </Empty>
  )
}
