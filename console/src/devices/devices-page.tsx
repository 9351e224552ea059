import { PageHeading } from '../components/heading.tsx'
import { useLoaded } from '../components/loaded.ts'
import { Tabs } from '../components/tabs.tsx'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { DeviceList } from './device-list.tsx'
import { GatewayList } from './gateway-list.tsx'
import { OrphanInbox } from './orphan-inbox.tsx'
import '../styles/marks.css'
import './devices.css'

const orphansCounted = '100'

/** Who speaks over MQTT: devices, gateways, and those that nobody knows. */
export function DevicesPage() {
  const { api, navigation } = useServices()
  const tab = navigation.place.value.query.get('tab')
  const orphans = useLoaded(
    (signal) => bodyOf(api.orphans.$get({ query: { limit: orphansCounted } }, { init: { signal } })),
    [],
  )
  const waiting = orphans.data?.items.length ?? 0
  const count = waiting === 0 ? '' : ` (${waiting}${orphans.data?.next === null ? '' : '+'})`
  return (
    <>
      <PageHeading title="Devices" />
      <Tabs
        label="Kinds of devices"
        tabs={[
          { href: '/devices', title: 'Devices', here: tab !== 'gateways' && tab !== 'orphans' },
          { href: '/devices?tab=gateways', title: 'Gateways', here: tab === 'gateways' },
          { href: '/devices?tab=orphans', title: `Orphan inbox${count}`, here: tab === 'orphans' },
        ]}
      />
      <div class="speakers">
        {tab === 'gateways' ? <GatewayList /> : null}
        {tab === 'orphans' ? <OrphanInbox onChange={orphans.reload} /> : null}
        {tab !== 'gateways' && tab !== 'orphans' ? <DeviceList /> : null}
      </div>
    </>
  )
}
