import { requirePermission, type Actor } from '../auth/principal.ts'
import {
  countSpeakers,
  selectDashboardSites,
  selectRecentEvents,
  selectTraffic,
  type DashboardSite,
  type RecentEvent,
  type Speakers,
  type Traffic,
} from '../store/dashboard.ts'
import type { TenantTransaction } from '../store/transactions.ts'

export interface Dashboard {
  speakers: Speakers
  sites: DashboardSite[]
  traffic: Traffic
  events: RecentEvent[]
}

export async function readDashboard(tx: TenantTransaction, actor: Actor): Promise<Dashboard> {
  requirePermission(actor, 'dashboard:read')
  // They are sent together and answered one after the other: it is one connection.
  const [speakers, sites, traffic, events] = await Promise.all([
    countSpeakers(tx),
    selectDashboardSites(tx),
    selectTraffic(tx),
    selectRecentEvents(tx),
  ])
  return { speakers, sites, traffic, events }
}
