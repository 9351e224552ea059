import { readDashboard, type Dashboard } from '../../administration/dashboard.ts'
import type { Clock } from '../../clock.ts'
import type { Api } from '../app.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { dashboardRoute } from './dashboard-descriptions.ts'

export function addDashboardRoutes(app: Api, options: SignedInOptions & { clock: Clock }): void {
  app.openapi(dashboardRoute, async (c) => {
    const read = await inOwnTenant(c, options, (tx, actor) => readDashboard(tx, actor, options))
    return c.json(dashboardBody(read), 200)
  })
}

function dashboardBody({ speakers, sites, traffic, events, attention }: Dashboard) {
  return {
    as_of: speakers.as_of,
    sites,
    devices: { total: speakers.devices, unassigned: speakers.unassigned_devices },
    gateways: { total: speakers.gateways, offline: speakers.offline_gateways },
    orphans: speakers.orphans,
    readings_per_minute: traffic.perMinute,
    ledger: { received: traffic.received, ...traffic.outcomes },
    attention: {
      silent_devices: attention.silentDevices,
      low_batteries: attention.lowBatteries ?? null,
      dead_letters: attention.deadLetters,
      orphans: speakers.orphans,
      unassigned_devices: speakers.unassigned_devices,
      offline_gateways: speakers.offline_gateways,
      books_balanced: attention.booksBalance ?? null,
    },
    events,
  }
}
