import { Show } from '../components/states.tsx'
import type { Loaded } from '../components/loaded.ts'
import { Age, Time } from '../components/time.tsx'
import type { Device, Reservation } from './data.ts'

/** What stands in a space, and who is to. */
export function DevicesPanel({ loaded }: { loaded: Loaded<Device[]> }) {
  return (
    <section class="panel" aria-labelledby="device-heading">
      <h2 id="device-heading">Device</h2>
      <Show loaded={loaded}>
        {(devices) =>
          devices.length === 0 ? (
            <p>
              None stands here, so nothing is heard. <a href="/devices">Assign one</a> to it.
            </p>
          ) : (
            devices.map((device) => <DeviceFacts key={device.id} device={device} />)
          )
        }
      </Show>
    </section>
  )
}

function DeviceFacts({ device }: { device: Device }) {
  const { id, code, name, battery, rssi, last_heard_at: heardAt, silent, presence } = device
  return (
    <dl class="facts">
      <dt>Device</dt>
      <dd>
        <a href={`/devices/${id}`}>
          <bdi>{code}</bdi>
        </a>
        {name === null || name === code ? null : (
          <>
            {' '}
            <bdi>{name}</bdi>
          </>
        )}
      </dd>
      <dt>Last heard</dt>
      <dd>
        <Age at={heardAt} />
        {silent === true ? <strong class="warn"> · silent for too long</strong> : null}
      </dd>
      <dt>Battery</dt>
      <dd>{battery === null ? <span class="none">not told</span> : `${battery} %`}</dd>
      <dt>Signal</dt>
      <dd>{rssi === null ? <span class="none">not told</span> : `${rssi} dBm`}</dd>
      {presence === null ? null : (
        <>
          <dt>Connection</dt>
          <dd>{presence}</dd>
        </>
      )}
    </dl>
  )
}

export function ReservationsPanel({
  loaded,
  timezone,
  ownAlone,
  siteId,
}: {
  loaded: Loaded<Reservation[]>
  timezone: string
  /** Those of others are not shown to whoever looks. */
  ownAlone: boolean
  siteId: string
}) {
  return (
    <section class="panel" aria-labelledby="reservations-heading">
      <h2 id="reservations-heading">{ownAlone ? 'Your reservations today' : 'Reservations today'}</h2>
      <Show loaded={loaded}>
        {(reservations) =>
          reservations.length === 0 ? (
            <p class="fine">None.</p>
          ) : (
            <ul class="plain reservations">
              {reservations.map(({ id, start, end, state, contested_at: contestedAt }) => (
                <li key={id}>
                  <Time at={start} timezone={timezone} /> to <Time at={end} timezone={timezone} />
                  <span class="fine"> {state.replaceAll('_', ' ')}</span>
                  {contestedAt === null ? null : <strong class="warn"> · somebody else stands there</strong>}
                </li>
              ))}
            </ul>
          )
        }
      </Show>
      <p class="panel-end">
        <a href={`/reservations?site=${siteId}`}>All of this site</a>
      </p>
    </section>
  )
}
