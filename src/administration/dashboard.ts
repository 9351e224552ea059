import { requirePermission, type Actor } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import { decodeDetails } from '../decode/details.ts'
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
import { selectDevices } from '../store/devices.ts'
import { countWaitingLetters } from '../store/ledger.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { booksBalance } from './ledger.ts'

export interface Dashboard {
  speakers: Speakers
  sites: DashboardSite[]
  traffic: Traffic
  events: RecentEvent[]
  attention: Attention
}

/** What needs somebody, besides what the other parts have. */
export interface Attention {
  silentDevices: number
  /** Undefined where there are too many devices to look at each. */
  lowBatteries: number | undefined
  deadLetters: number
  /** Of the last hour; undefined where its readings are too many to be counted. */
  booksBalance: boolean | undefined
}

const lowBatteryPercent = 20
/** A battery is known by its device's newest reading, which is looked for in the log. */
const mostDevicesLookedAt = 500
const mostLettersCounted = 10_000
const hourMs = 3_600_000

export async function readDashboard(
  tx: TenantTransaction,
  actor: Actor,
  { clock }: { clock: Clock },
): Promise<Dashboard> {
  requirePermission(actor, 'dashboard:read')
  // They are sent together and answered one after the other: it is one connection.
  const [speakers, sites, traffic, events] = await Promise.all([
    countSpeakers(tx),
    selectDashboardSites(tx),
    selectTraffic(tx),
    selectRecentEvents(tx),
  ])
  const attention = {
    silentDevices: sites.reduce((sum, site) => sum + site.silent_sensors, 0),
    lowBatteries: speakers.devices > mostDevicesLookedAt ? undefined : await countLowBatteries(tx),
    deadLetters: await countWaitingLetters(tx, mostLettersCounted),
    booksBalance: await booksBalance(tx, lastHour(clock)),
  }
  return { speakers, sites, traffic, events, attention }
}

async function countLowBatteries(tx: TenantTransaction): Promise<number> {
  const devices = await selectDevices(tx, { after: undefined, limit: mostDevicesLookedAt })
  return devices.filter(({ newest }) => {
    const { battery } = decodeDetails(newest?.payload ?? null, newest?.part ?? 0)
    return battery !== null && battery < lowBatteryPercent
  }).length
}

function lastHour(clock: Clock): { from: number; to: number } {
  const minute = 60_000
  const to = (Math.floor(clock.now() / minute) + 1) * minute
  return { from: to - hourMs, to }
}
