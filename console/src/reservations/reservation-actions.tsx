import { Fragment } from 'preact'
import { useState } from 'preact/hooks'
import { Confirm, Dialog } from '../components/dialog.tsx'
import { Field } from '../components/field.tsx'
import { ErrorNote } from '../components/states.tsx'
import { Time } from '../components/time.tsx'
import { nameOf, actorOf, type Names } from '../names.ts'
import { Problem } from '../requests/problem.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices, type Services } from '../services.ts'
import { instantOfWall, wallTime, withWallTimes } from '../zone-times.ts'
import { StateBadge } from './reservation-badge.tsx'
import { actionsOf, type Action, type Reservation } from './reservation-view.ts'
import { RangeTimes } from './timeline.tsx'

export const actionLabels: Readonly<Record<Action, string>> = {
  confirm: 'Confirm',
  'check-in': 'Check in',
  'check-out': 'Check out',
  extend: 'Extend',
  move: 'Move',
  cancel: 'Cancel',
}

/** These need no second word: nobody loses anything. */
export const isHarmless = (action: Action): boolean => action === 'confirm' || action === 'check-in'

/** With the reservation as it is then. */
export async function act(
  api: Services['api'],
  { action, id, end }: { action: Action; id: string; end?: Date },
): Promise<Reservation> {
  const one = api.reservations[':id']
  const param = { id }
  if (action === 'confirm') return await bodyOf(one.confirm.$put({ param }))
  if (action === 'check-in') return await bodyOf(one['check-in'].$put({ param }))
  if (action === 'check-out') return await bodyOf(one['check-out'].$put({ param }))
  if (action === 'move') return await bodyOf(one.move.$put({ param }))
  if (action === 'cancel') return await bodyOf(one.cancel.$put({ param }))
  return await bodyOf(one.extend.$put({ param, json: { end: (end ?? new Date()).toISOString() } }))
}

/** What the API says against it, with its times as the page shows them. */
export function toldHere(error: Error, timezone: string | undefined): Error {
  if (!(error instanceof Problem)) return error
  const message = withWallTimes(error.message, timezone)
  return Object.create(error, { message: { value: message } }) as Problem
}

interface Asked {
  reservation: Reservation
  timezone: string | undefined
  onDone: (done: Reservation, action: Action) => void
  onClose: () => void
}

/** Asks before it is done, with what it means. */
export function ActionDialog({ action, ...asked }: Asked & { action: Action }) {
  if (action === 'extend') return <ExtendDialog {...asked} />
  return <ConfirmAction action={action} {...asked} />
}

const consequences: Readonly<Partial<Record<Action, string>>> = {
  cancel: 'The rest of its time is free for others at once. This cannot be undone; another one can be made.',
  'check-out': 'It is completed, and the rest of its time is free for others at once.',
  move: 'It goes to another free space of the same site that has all that was asked for; its time stays as it is.',
}

function ConfirmAction({ action, reservation, timezone, onDone, onClose }: Asked & { action: Action }) {
  const { api } = useServices()
  const { id, space, start, end, vehicle } = reservation
  return (
    <Confirm
      title={`${actionLabels[action]} the reservation of ${space}?`}
      action={action === 'cancel' ? 'Cancel the reservation' : actionLabels[action]}
      onConfirm={async () => {
        try {
          onDone(await act(api, { action, id }), action)
        } catch (thrown) {
          throw thrown instanceof Error ? toldHere(thrown, timezone) : thrown
        }
      }}
      onClose={onClose}
    >
      <p>
        <RangeTimes from={start} to={end} timezone={timezone} day={undefined} />
        {vehicle === null ? null : (
          <>
            , <bdi>{vehicle}</bdi>
          </>
        )}
      </p>
      <p>{consequences[action]}</p>
    </Confirm>
  )
}

const minuteMs = 60_000
const steps = [15, 30, 60, 120]

function ExtendDialog({ reservation, timezone, onDone, onClose }: Asked) {
  const { api } = useServices()
  const { id, space, start, end } = reservation
  const [wanted, setWanted] = useState(wallTime(new Date(Date.parse(end) + 30 * minuteMs), timezone))
  const [error, setError] = useState<Error>()
  const [busy, setBusy] = useState(false)
  const extend = async (event: Event) => {
    event.preventDefault()
    const at = instantOfWall(wanted, timezone)
    if (at === undefined) return setError(new Error('Say until when.'))
    setBusy(true)
    setError(undefined)
    try {
      onDone(await act(api, { action: 'extend', id, end: at }), 'extend')
      onClose()
    } catch (thrown) {
      setError(toldHere(thrown instanceof Error ? thrown : new Error(String(thrown)), timezone))
      setBusy(false)
    }
  }
  return (
    <Dialog title={`Extend the reservation of ${space}`} onClose={onClose}>
      <form onSubmit={(event) => void extend(event)}>
        <p>
          Now <RangeTimes from={start} to={end} timezone={timezone} day={undefined} />
        </p>
        <Field label="New end" hint={timezone === undefined ? undefined : `Time of ${timezone}`}>
          {(input) => (
            <input
              {...input}
              type="datetime-local"
              required
              value={wanted}
              onInput={(event) => setWanted(event.currentTarget.value)}
            />
          )}
        </Field>
        <div class="button-row">
          {steps.map((minutes) => (
            <button
              key={minutes}
              type="button"
              onClick={() => setWanted(wallTime(new Date(Date.parse(end) + minutes * minuteMs), timezone))}
            >
              {minutes < 60 ? `+${minutes} min` : `+${minutes / 60} h`}
            </button>
          ))}
        </div>
        {error === undefined ? null : <ErrorNote error={error} />}
        <div class="dialog-actions">
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="primary" disabled={busy}>
            {busy ? 'Working…' : 'Extend'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

/** All of one, and what may be done with it. */
export function ReservationDialog({
  reservation,
  timezone,
  siteName,
  names,
  mayAct,
  onAction,
  onClose,
}: {
  reservation: Reservation
  timezone: string | undefined
  siteName: string
  names: Names
  mayAct: boolean
  onAction: (action: Action) => void
  onClose: () => void
}) {
  const { id, space, space_id: spaceId, start, end, vehicle, features } = reservation
  const moments = [
    ['Made', reservation.created_at],
    ['Hold expires', reservation.hold_expires_at],
    ['Checked in', reservation.checked_in_at],
    ['Checked out', reservation.checked_out_at],
    ['Contested since', reservation.contested_at],
    ['Overstayed since', reservation.overstayed_at],
    ['Ended', reservation.ended_at],
  ] as const
  return (
    <Dialog title={`Reservation of ${space}`} onClose={onClose}>
      <dl class="facts">
        <dt>State</dt>
        <dd>
          <StateBadge reservation={reservation} />
        </dd>
        <dt>Time</dt>
        <dd>
          <RangeTimes from={start} to={end} timezone={timezone} day={undefined} />
        </dd>
        <dt>Space</dt>
        <dd>
          <a href={`/spaces/${spaceId}`}>{space}</a>, <bdi>{siteName}</bdi>
        </dd>
        <dt>Vehicle</dt>
        <dd>{vehicle === null ? <span class="none">not said</span> : <bdi>{vehicle}</bdi>}</dd>
        <dt>Who</dt>
        <dd>
          <bdi>{nameOf(actorOf(reservation.holder), names)}</bdi>
        </dd>
        {features.length === 0 ? null : (
          <>
            <dt>Needs</dt>
            <dd>{features.join(', ')}</dd>
          </>
        )}
        {moments.map(([what, at]) =>
          at === null ? null : (
            <Fragment key={what}>
              <dt>{what}</dt>
              <dd>
                <Time at={at} timezone={timezone} />
              </dd>
            </Fragment>
          ),
        )}
        <dt>Id</dt>
        <dd>
          <code>{id}</code>
        </dd>
      </dl>
      <div class="dialog-actions">
        {mayAct
          ? actionsOf(reservation, new Date()).map((action) => (
              <button key={action} type="button" onClick={() => onAction(action)}>
                {actionLabels[action]}
              </button>
            ))
          : null}
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
