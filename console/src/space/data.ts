import type { InferResponseType } from 'hono/client'
import type { BaywireClient } from '../../../src/api/client.ts'
import { allPages, bodyOf, type Requests } from '../requests/requests.ts'
import type { Span } from './moments.ts'

/** What the page of a space reads. */
type Routes = BaywireClient['api']['v1']
export type Space = InferResponseType<Routes['spaces'][':id']['$get'], 200>
export type Site = InferResponseType<Routes['sites'][':id']['$get'], 200>
export type Explanation = InferResponseType<Routes['spaces'][':id']['explain']['$get'], 200>
export type Message = NonNullable<Explanation['evidence']>
type HistoryPage = InferResponseType<Routes['spaces'][':id']['history']['$get'], 200>
type Entry = HistoryPage['items'][number]
export type Override = NonNullable<NonNullable<Space['why']>['override']>
export type Device = InferResponseType<Routes['devices']['$get'], 200>['items'][number]
export type Reservation = InferResponseType<Routes['reservations']['$get'], 200>['items'][number]
export type LoggedReading = InferResponseType<Routes['readings']['$get'], 200>['items'][number]

interface Read {
  id: string
  signal: AbortSignal
}

const init = (signal: AbortSignal) => ({ init: { signal } })

export async function readSpace(api: Requests['api'], { id, signal }: Read): Promise<{ space: Space; site: Site }> {
  const space = await bodyOf(api.spaces[':id'].$get({ param: { id } }, init(signal)))
  const site = await bodyOf(api.sites[':id'].$get({ param: { id: space.site_id } }, init(signal)))
  return { space, site }
}

export async function readExplanation(
  api: Requests['api'],
  { id, signal, at, asKnownNow }: Read & { at: string | undefined; asKnownNow: boolean },
): Promise<Explanation> {
  const query = { ...(at === undefined ? {} : { at }), ...(asKnownNow ? { as_known_now: 'true' as const } : {}) }
  return await bodyOf(api.spaces[':id'].explain.$get({ param: { id }, query }, init(signal)))
}

interface OpenSpan {
  span: Span
  /** Up to now, by the clock of the server. */
  open: boolean
}

function periodOf({ fromMs, toMs }: Span, open: boolean): { from: string; to?: string } {
  const from = new Date(fromMs).toISOString()
  return open ? { from } : { from, to: new Date(toMs).toISOString() }
}

/** More than a chart can show apart. */
const mostEntries = 5000
const entriesPerPage = '1000'

interface History {
  entries: Entry[]
  /** What was shown when the span begins. */
  before: Entry | null
  /** There are more than were read. */
  cut: boolean
}

export async function readHistory(api: Requests['api'], { id, signal, span, open }: Read & OpenSpan): Promise<History> {
  const period = periodOf(span, open)
  const pages: HistoryPage[] = []
  const entries = await allPages(
    async (cursor) => {
      const query = { ...period, limit: entriesPerPage, ...(cursor === undefined ? {} : { cursor }) }
      const page = await bodyOf(api.spaces[':id'].history.$get({ param: { id }, query }, init(signal)))
      pages.push(page)
      return page
    },
    { most: mostEntries },
  )
  return { entries, before: pages[0]?.before ?? null, cut: (pages.at(-1)?.next ?? null) !== null }
}

/** When it changed next; undefined where it has not since. */
export async function readNextChange(
  api: Requests['api'],
  { id, afterMs }: { id: string; afterMs: number },
): Promise<number | undefined> {
  const query = { from: new Date(afterMs + 1).toISOString(), limit: '1' }
  const { items } = await bodyOf(api.spaces[':id'].history.$get({ param: { id }, query }))
  const [next] = items
  return next === undefined ? undefined : Date.parse(next.recorded_at)
}

/** What arrived for a space and did not count. */
const uncounted = 'late,debouncing'
/** More devices than that do not stand at one space. */
const mostDevices = 4

export async function readUncounted(
  api: Requests['api'],
  { id, signal, span, open, devices }: Read & OpenSpan & { devices: readonly string[] },
): Promise<LoggedReading[]> {
  const common = { limit: '500', ...periodOf(span, open) }
  // A duplicate belongs to no space: it is known by its device.
  const queries = [
    { space_id: id, outcome: uncounted },
    ...devices.slice(0, mostDevices).map((device) => ({ device, outcome: 'duplicate' })),
  ]
  const pages = await Promise.all(
    queries.map((query) => bodyOf(api.readings.$get({ query: { ...common, ...query } }, init(signal)))),
  )
  return pages.flatMap(({ items }) => items).filter(({ space_id: spaceId }) => spaceId === null || spaceId === id)
}

export async function readDevices(api: Requests['api'], { id, signal }: Read): Promise<Device[]> {
  const { items } = await bodyOf(api.devices.$get({ query: { space_id: id } }, init(signal)))
  return items
}

export async function readReservations(
  api: Requests['api'],
  { id, signal, day }: Read & { day: Span },
): Promise<Reservation[]> {
  const query = {
    space_id: id,
    from: new Date(day.fromMs).toISOString(),
    to: new Date(day.toMs).toISOString(),
  }
  const { items } = await bodyOf(api.reservations.$get({ query }, init(signal)))
  return items.toSorted((one, other) => one.start.localeCompare(other.start))
}
