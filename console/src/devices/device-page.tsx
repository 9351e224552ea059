import { useEffect, useState } from 'preact/hooks'
import { useEvery } from '../components/every.ts'
import { PageHeading } from '../components/heading.tsx'
import { useLoaded } from '../components/loaded.ts'
import { Empty, Show } from '../components/states.tsx'
import { Age, Time } from '../components/time.tsx'
import { OutcomeMark } from '../outcome-mark.tsx'
import { Refresher } from '../live/refresher.ts'
import { bodyAndRevisionOf, isProblem } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { Credentials } from './credentials.tsx'
import { DeleteDialog, RenameDialog } from './device-changes.tsx'
import { Assignments, LastReadings } from './device-past.tsx'
import { SpaceLink } from './device-list.tsx'
import { Battery, DeviceStateMark, Signal } from './health.tsx'
import { AssignDialog, UnassignDialog } from './placing.tsx'
import type { Device } from './types.ts'
import '../styles/marks.css'
import './devices.css'

const refreshMs = 60_000
/** A sensor that flaps is not asked after each of its changes. */
const leastMs = 5000

/** One device: how it is, where it stands and stood, what it said last, what it connects with. */
export function DevicePage({ id }: { id: string }) {
  const { api, live } = useServices()
  /** Raised when it was changed, and when it was heard. */
  const [turn, setTurn] = useState({ changed: 0, heard: 0 })
  const device = useLoaded(
    (signal) => bodyAndRevisionOf(api.devices[':id'].$get({ param: { id } }, { init: { signal } })),
    [id, turn],
  )
  const readAnew = () => setTurn(({ changed, heard }) => ({ changed: changed + 1, heard: heard + 1 }))
  const hear = () => setTurn((before) => ({ ...before, heard: before.heard + 1 }))
  const [refresher] = useState(() => new Refresher({ leastMs, refresh: hear }))
  useEvery(refreshMs, hear)
  const spaceId = device.data?.body.space_id
  useEffect(() => {
    const stop = live.follow({
      onEvent: (event) => (event.space_id === spaceId ? refresher.tell() : undefined),
      onReset: readAnew,
    })
    return () => {
      stop()
      refresher.stop()
    }
  }, [spaceId])
  if (isProblem(device.error, 'not-found') || isProblem(device.error, 'invalid-input')) return <NoSuchDevice />
  return (
    <>
      <PageHeading title={device.data === undefined ? 'Device' : `Device ${device.data.body.code}`}>
        <a href="/devices">All devices</a>
      </PageHeading>
      <Show loaded={device}>
        {({ body, revision }) => <DeviceParts device={body} revision={revision} turn={turn} onChange={readAnew} />}
      </Show>
    </>
  )
}

function NoSuchDevice() {
  return (
    <>
      <PageHeading title="No such device" />
      <Empty title="There is no device at this address">
        <p>
          It may have been deleted. <a href="/devices">Look among all devices</a>, or in the{' '}
          <a href="/devices?tab=orphans">orphan inbox</a> if it still speaks.
        </p>
      </Empty>
    </>
  )
}

interface DevicePartsProps {
  device: Device
  revision: string
  turn: { changed: number; heard: number }
  onChange: () => void
}

type Step = 'assign' | 'unassign' | 'rename' | 'delete'

function DeviceParts({ device, revision, turn, onChange }: DevicePartsProps) {
  const { session, navigation } = useServices()
  const [step, setStep] = useState<Step>()
  const mayWrite = session.may('devices:write')
  const dialog = { device, onDone: onChange, onClose: () => setStep(undefined) }
  return (
    <div class="device-parts speakers">
      <section class="panel device-facts" aria-labelledby="device-state">
        <h2 id="device-state">How it is</h2>
        <Facts device={device} />
        {mayWrite ? (
          <p class="actions">
            <button type="button" onClick={() => setStep('assign')}>
              {device.space_id === null ? 'Put at a space…' : 'Move…'}
            </button>
            {device.space_id === null ? null : (
              <button type="button" onClick={() => setStep('unassign')}>
                End assignment…
              </button>
            )}
            <button type="button" onClick={() => setStep('rename')}>
              Rename…
            </button>
            <button type="button" onClick={() => setStep('delete')}>
              Delete…
            </button>
          </p>
        ) : null}
      </section>
      <section class="panel" aria-labelledby="device-credential">
        <h2 id="device-credential">Credential</h2>
        {mayWrite ? (
          <Credentials speaker={{ kind: 'device', ...device }} onChange={onChange} />
        ) : device.credential_since === null ? (
          <p>It has none.</p>
        ) : (
          <p>
            In force since <Time at={device.credential_since} />.
          </p>
        )}
      </section>
      {session.may('readings:read') ? <LastReadings code={device.code} turn={turn.heard} /> : null}
      <Assignments id={device.id} turn={turn.changed} />
      {step === 'assign' ? <AssignDialog {...dialog} /> : null}
      {step === 'unassign' ? <UnassignDialog {...dialog} /> : null}
      {step === 'rename' ? <RenameDialog {...dialog} revision={revision} /> : null}
      {step === 'delete' ? (
        <DeleteDialog {...dialog} revision={revision} onDone={() => navigation.go('/devices')} onStale={onChange} />
      ) : null}
    </div>
  )
}

function Facts({ device }: { device: Device }) {
  const { name, assigned_at: since, presence, presence_at: saidAt } = device
  return (
    <dl class="facts">
      <dt>State</dt>
      <dd>
        <DeviceStateMark device={device} />
      </dd>
      <dt>Name</dt>
      <dd>{name === null ? <span class="none">none</span> : <bdi>{name}</bdi>}</dd>
      <dt>Stands at</dt>
      <dd>
        <SpaceLink device={device} />
        {device.space_id === null ? null : since === null ? ' since always' : <> since {<Time at={since} />}</>}
      </dd>
      <dt>Last heard</dt>
      <dd>
        <Age at={device.last_heard_at} />
      </dd>
      <dt>Last reading</dt>
      <dd>
        <OutcomeMark outcome={device.last_outcome} />
      </dd>
      <dt>Battery</dt>
      <dd>
        <Battery device={device} />
      </dd>
      <dt>Signal</dt>
      <dd>
        <Signal device={device} />
      </dd>
      <dt>Status topic</dt>
      <dd>
        {presence === null ? (
          <span class="none">never spoke</span>
        ) : (
          <>
            said {presence} <Age at={saidAt} />
          </>
        )}
      </dd>
      <dt>Made</dt>
      <dd>
        <Time at={device.created_at} />
      </dd>
    </dl>
  )
}
