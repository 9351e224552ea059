import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { PageHeading } from '../components/heading.tsx'
import { useLoaded, type Loaded } from '../components/loaded.ts'
import { useEvery } from '../components/every.ts'
import { useNow } from '../components/now.ts'
import { Empty, ErrorNote, Loading, Show } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import { actorOf, nameOf, type Names } from '../names.ts'
import { useNames } from '../people.ts'
import { allPages, bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { wallDay, type Window } from '../zone-times.ts'
import { NewReservation, type SiteChoice } from './new-reservation.tsx'
import { act, ActionDialog, actionLabels, isHarmless, ReservationDialog, toldHere } from './reservation-actions.tsx'
import { StateBadge } from './reservation-badge.tsx'
import { ReservationFilters } from './reservation-filters.tsx'
import {
  actionsOf,
  filtersOf,
  inOrder,
  isContested,
  isShown,
  windowOf,
  type Action,
  type Filters,
  type Reservation,
} from './reservation-view.ts'
import { rangeWords } from './timeline-rows.ts'
import { RangeTimes, Timeline } from './timeline.tsx'
import { useReservationEvents } from './reservation-events.ts'
import './reservations.css'

const minuteMs = 60_000
/** More than that of a day are not shown at once. */
const mostRead = 5000
const rowsPerTurn = 100

interface Read {
  /** For which site and time. */
  of: string
  items: Reservation[]
  window: Window
  at: Date
}

/** Who has booked what: by site and time, drawn and in a table. */
export function ReservationsPage() {
  const { api, navigation } = useServices()
  const filters = filtersOf(navigation.place.value.query)
  const sites = useLoaded(
    () => allPages((cursor) => bodyOf(api.sites.$get({ query: { limit: '1000', ...(cursor ? { cursor } : {}) } }))),
    [],
  )
  return (
    <>
      <Show loaded={sites}>{(items) => <Reservations sites={items} filters={filters} />}</Show>
      {sites.data === undefined ? <PageHeading title="Reservations" /> : null}
    </>
  )
}

const keyOf = ({ siteId, when }: Pick<Filters, 'siteId' | 'when'>): string => `${siteId ?? ''} ${when}`

/** Of one site its own; of all the one that they share, or else that of the browser. */
function timezoneOf(sites: readonly SiteChoice[], siteId: string | undefined): string | undefined {
  const zones = new Set(sites.filter(({ id }) => siteId === undefined || id === siteId).map((site) => site.timezone))
  return zones.size === 1 ? [...zones][0] : undefined
}

function useReservations({ siteId, when }: Filters, timezone: string | undefined): Loaded<Read> {
  const { api, live } = useServices()
  const read = useLoaded<Read>(
    async (signal) => {
      await live.settled()
      const at = new Date()
      const window = windowOf(when, { now: at, timezone })
      const query = { from: window.from.toISOString(), to: window.to.toISOString(), limit: '1000' }
      const of = siteId === undefined ? {} : { site_id: siteId }
      const page = (cursor: string | undefined) => ({ query: { ...query, ...of, ...(cursor ? { cursor } : {}) } })
      const items = await allPages((cursor) => bodyOf(api.reservations.$get(page(cursor), { init: { signal } })), {
        most: mostRead,
      })
      return { of: keyOf({ siteId, when }), items, window, at }
    },
    [siteId, when, timezone],
  )
  useReservationEvents(siteId, read.reload)
  // Bookings for later are told by no event; and what is now goes on.
  useEvery(minuteMs, read.reload)
  return read
}

interface Open {
  reservation: Reservation
  /** What is being asked about; without it, all that is known of it is shown. */
  action?: Action
}

function Reservations({ sites, filters }: { sites: readonly SiteChoice[]; filters: Filters }) {
  const { api, session } = useServices()
  const timezone = timezoneOf(sites, filters.siteId)
  const read = useReservations(filters, timezone)
  const names = useNames().data ?? { known: new Map(), ownId: undefined }
  const [open, setOpen] = useState<Open>()
  const [making, setMaking] = useState(false)
  const [done, setDone] = useState<string>()
  const [failed, setFailed] = useState<Error>()
  const mayAct = session.may('reservations:write')
  const acting = useRef(new Set<string>())

  const onDone = ({ space }: Reservation, action: Action) => {
    setDone(`${space}: ${doneWords[action]}.`)
    setFailed(undefined)
    read.reload()
  }
  const onAction = async (reservation: Reservation, action: Action) => {
    if (!isHarmless(action)) return setOpen({ reservation, action })
    setOpen(undefined)
    if (acting.current.has(reservation.id)) return
    acting.current.add(reservation.id)
    try {
      onDone(await act(api, { action, id: reservation.id }), action)
    } catch (thrown) {
      setDone(undefined)
      setFailed(toldHere(thrown instanceof Error ? thrown : new Error(String(thrown)), timezone))
      read.reload()
    }
    acting.current.delete(reservation.id)
  }
  const onMade = ({ space, state, start, end }: Reservation) => {
    // It may be of another day than the one that is shown.
    const times = rangeWords({ from: new Date(start), to: new Date(end) }, { timezone, day: undefined })
    setDone(`${space} is ${state === 'pending' ? 'held' : 'booked'}: ${times}.`)
    setFailed(undefined)
    read.reload()
  }
  return (
    <>
      <PageHeading title="Reservations">
        {mayAct && sites.length > 0 ? (
          <button type="button" class="primary" onClick={() => setMaking(true)}>
            New reservation
          </button>
        ) : null}
      </PageHeading>
      <ReservationFilters sites={sites} filters={filters} timezone={timezone} />
      {session.may('reservations:manage') ? null : <p class="note">Your role shows you your own reservations.</p>}
      <p class="done-note" role="status">
        {done}
      </p>
      {failed === undefined ? null : <ErrorNote error={failed} />}
      <ShowRead read={read} filters={filters} timezone={timezone}>
        {(shown, window) => (
          <ReservationList
            items={shown}
            window={window}
            timezone={timezone}
            sites={sites}
            filters={filters}
            names={names}
            onOpen={(reservation) => setOpen({ reservation })}
            onAction={mayAct ? (reservation, action) => void onAction(reservation, action) : undefined}
          />
        )}
      </ShowRead>
      {making ? (
        <NewReservation sites={sites} siteId={filters.siteId} onMade={onMade} onClose={() => setMaking(false)} />
      ) : null}
      {open === undefined ? null : open.action === undefined ? (
        <ReservationDialog
          reservation={open.reservation}
          timezone={timezone}
          siteName={sites.find(({ id }) => id === open.reservation.site_id)?.name ?? ''}
          names={names}
          mayAct={mayAct}
          onAction={(action) => void onAction(open.reservation, action)}
          onClose={() => setOpen(undefined)}
        />
      ) : (
        <ActionDialog
          action={open.action}
          reservation={open.reservation}
          timezone={timezone}
          onDone={onDone}
          onClose={() => setOpen(undefined)}
        />
      )}
    </>
  )
}

const doneWords: Readonly<Record<Action, string>> = {
  confirm: 'confirmed',
  'check-in': 'checked in',
  'check-out': 'checked out, and free again',
  extend: 'extended',
  move: 'moved there',
  cancel: 'cancelled, and free again',
}

function ShowRead({
  read,
  filters,
  timezone,
  children,
}: {
  read: Loaded<Read>
  timezone: string | undefined
  filters: Filters
  children: (shown: Reservation[], window: Window) => ComponentChildren
}) {
  const { data, error, reload } = read
  // What was read for another site or time is not what is asked for now.
  const isOther = data !== undefined && data.of !== keyOf(filters)
  if (error !== undefined && (data === undefined || isOther)) return <ErrorNote error={error} onRetry={reload} />
  if (data === undefined || isOther) return <Loading />
  const shown = inOrder(data.items.filter((one) => isShown(one, filters)))
  return (
    <>
      {error === undefined ? null : <ErrorNote error={error} onRetry={reload} />}
      {children(shown, data.window)}
      <p class="fine read-at">
        {data.items.length >= mostRead ? `The first ${mostRead} of that time; choose a site to see less. ` : ''}
        Read at <Time at={data.at.toISOString()} timezone={timezone} />
        {timezone === undefined ? '' : `; times of ${timezone}`}.{' '}
        <button type="button" class="quiet" onClick={reload}>
          Read again
        </button>
      </p>
    </>
  )
}

function ReservationList({
  items,
  window,
  timezone,
  sites,
  filters,
  names,
  onOpen,
  onAction,
}: {
  items: readonly Reservation[]
  window: Window
  timezone: string | undefined
  sites: readonly SiteChoice[]
  filters: Filters
  names: Names
  onOpen: (reservation: Reservation) => void
  onAction: ((reservation: Reservation, action: Action) => void) | undefined
}) {
  const now = useNow(minuteMs / 2)
  const [turns, setTurns] = useState(1)
  const contested = items.filter(isContested).length
  const siteNames = new Map(sites.map(({ id, name }) => [id, name]))
  const day = filters.when === 'now' ? wallDay(now, timezone) : wallDay(window.from, timezone)
  const shown = items.slice(0, turns * rowsPerTurn)
  const more = shown.length < items.length ? { onMore: () => setTurns(turns + 1), loading: false } : undefined
  const actions = (reservation: Reservation) => {
    const first = onAction === undefined ? undefined : actionsOf(reservation, now)[0]
    return (
      <span class="row-actions">
        {first === undefined ? null : (
          <button
            type="button"
            onClick={() => onAction?.(reservation, first)}
            aria-label={`${actionLabels[first]}: ${reservation.space}`}
          >
            {actionLabels[first]}
          </button>
        )}
        <button type="button" onClick={() => onOpen(reservation)} aria-label={`More of ${reservation.space}`}>
          More
        </button>
      </span>
    )
  }
  return (
    <>
      {contested === 0 ? null : (
        <p class="contested-note" role="status">
          <strong>! {contested === 1 ? 'One reservation is' : `${contested} reservations are`} contested:</strong>{' '}
          somebody else stands in the space. Move {contested === 1 ? 'it' : 'them'}, or find whoever stands there.
        </p>
      )}
      <Timeline reservations={items} window={window} timezone={timezone} now={now} onOpen={onOpen} />
      <Table
        caption="Reservations, those that need somebody first"
        items={shown}
        keyOf={({ id }) => id}
        columns={[
          {
            head: 'Time',
            cell: ({ start, end }) => <RangeTimes from={start} to={end} timezone={timezone} day={day} />,
          },
          {
            head: 'Space',
            cell: ({ space, space_id: id }) => <a href={`/spaces/${id}`}>{space}</a>,
          },
          ...(filters.siteId === undefined && sites.length > 1
            ? [{ head: 'Site', cell: ({ site_id: id }: Reservation) => <bdi>{siteNames.get(id) ?? ''}</bdi> }]
            : []),
          { head: 'State', cell: (one) => <StateBadge reservation={one} timezone={timezone} /> },
          {
            head: 'Vehicle',
            cell: ({ vehicle }) => (vehicle === null ? <span class="none">–</span> : <bdi>{vehicle}</bdi>),
          },
          { head: 'Who', cell: ({ holder }) => <bdi>{nameOf(actorOf(holder), names)}</bdi> },
          { head: 'Actions', cell: actions },
        ]}
        empty={<NoReservations filters={filters} isMaker={onAction !== undefined} />}
        more={more}
      />
    </>
  )
}

function NoReservations({ filters, isMaker }: { filters: Filters; isMaker: boolean }) {
  const when =
    filters.when === 'now' ? 'now or within the hour' : filters.when === 'today' ? 'today' : `on ${filters.when}`
  return (
    <Empty title={filters.show === '' ? `Nothing is booked ${when}` : `There are none of these ${when}`}>
      <p>
        {filters.show === '' ? '' : 'Show all of them, or choose another time above. '}
        {isMaker ? 'Book a space with “New reservation” above' : 'Look at another day above'}; apps and drivers do so
        with <code>POST /api/v1/reservations</code>.
      </p>
    </Empty>
  )
}
