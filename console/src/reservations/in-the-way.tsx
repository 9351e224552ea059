import { useLoaded } from '../components/loaded.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import type { Window } from '../zone-times.ts'
import { RangeTimes } from './timeline.tsx'

const aroundMs = 24 * 3_600_000

const words = { taken: 'Taken', held: 'Held', blocked: 'Blocked or out of service', free: 'Free' } as const

/** What stands against a booking of a space, and when there would be room for it. */
export function InTheWay({
  spaceId,
  window: { from, to },
  timezone,
  onTake,
}: {
  spaceId: string
  window: Window
  timezone: string | undefined
  onTake: (window: Window) => void
}) {
  const { api } = useServices()
  const lengthMs = to.getTime() - from.getTime()
  const loaded = useLoaded(async () => {
    const query = {
      from: new Date(from.getTime() - aroundMs).toISOString(),
      to: new Date(to.getTime() + aroundMs).toISOString(),
    }
    const { intervals } = await bodyOf(api.spaces[':id'].availability.$get({ param: { id: spaceId }, query }))
    const inWindow = (one: { from: string; to: string }) =>
      Date.parse(one.from) < to.getTime() && Date.parse(one.to) > from.getTime()
    const ways = intervals.filter((one) => one.state !== 'free' && inWindow(one))
    const vehicles = await Promise.all(ways.slice(0, mostAsked).map(({ reservation_id: id }) => vehicleOf(id)))
    const room = intervals
      .filter((one) => one.state === 'free')
      .map((one) => ({ from: Math.max(toMinute(one.from), from.getTime()), to: Date.parse(one.to) }))
      .find((one) => one.to - one.from >= lengthMs)
    return { ways: ways.map((way, index) => ({ ...way, vehicle: vehicles[index] })), room }
  }, [spaceId, from.getTime(), to.getTime()])
  const vehicleOf = async (id: string | undefined) => {
    if (id === undefined) return undefined
    const found = await bodyOf(api.reservations[':id'].$get({ param: { id } })).catch(() => undefined)
    return found?.vehicle ?? undefined
  }
  const { data } = loaded
  if (data === undefined) return null
  const room = data.room === undefined ? undefined : new Date(data.room.from)
  return (
    <div class="note" role="status">
      <p>In the way:</p>
      <ul>
        {data.ways.map((way) => (
          <li key={way.from}>
            {words[way.state]} <RangeTimes from={way.from} to={way.to} timezone={timezone} day={undefined} />
            {way.vehicle === undefined ? null : (
              <>
                , <bdi>{way.vehicle}</bdi>
              </>
            )}
          </li>
        ))}
      </ul>
      {room === undefined ? (
        <p>There is no room for so long within a day. Try another space, or any of the site.</p>
      ) : (
        <button type="button" onClick={() => onTake({ from: room, to: new Date(room.getTime() + lengthMs) })}>
          Take{' '}
          <RangeTimes
            from={room.toISOString()}
            to={new Date(room.getTime() + lengthMs).toISOString()}
            timezone={timezone}
            day={undefined}
          />{' '}
          instead
        </button>
      )}
    </div>
  )
}

const mostAsked = 3

/** Inputs have no seconds: not before it. */
function toMinute(at: string): number {
  return Math.ceil(Date.parse(at) / 60_000) * 60_000
}
