import { useState } from 'preact/hooks'
import { Confirm } from '../components/dialog.tsx'
import { Time } from '../components/time.tsx'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { OverrideDialog, type OverrideKind } from './override-dialog.tsx'
import type { Override, Space } from './data.ts'

/** Takes a space out of what is offered, and gives it back. */
export function OverridePanel({
  space,
  timezone,
  onChanged,
}: {
  space: Space
  timezone: string
  onChanged: () => void
}) {
  const { session } = useServices()
  const [wanted, setWanted] = useState<OverrideKind | 'return'>()
  const override = space.why?.override ?? null
  const may = session.may('overrides:write')
  const close = () => setWanted(undefined)
  return (
    <section class="panel" aria-labelledby="override-heading">
      <h2 id="override-heading">Override</h2>
      {override === null ? (
        <p class="fine">None: it shows what its sensor and the calendar say.</p>
      ) : (
        <InForce override={override} timezone={timezone} />
      )}
      {may ? (
        <div class="override-buttons">
          {override === null ? null : (
            <button type="button" class="primary" onClick={() => setWanted('return')}>
              Return to service
            </button>
          )}
          {override?.kind === 'blocked' ? null : (
            <button type="button" onClick={() => setWanted('blocked')}>
              Block…
            </button>
          )}
          {override?.kind === 'out_of_service' ? null : (
            <button type="button" onClick={() => setWanted('out_of_service')}>
              Take out of service…
            </button>
          )}
        </div>
      ) : (
        <p class="fine">
          To change it needs the permission <code>overrides:write</code>.
        </p>
      )}
      {wanted === 'blocked' || wanted === 'out_of_service' ? (
        <OverrideDialog
          kind={wanted}
          space={space}
          replaces={override !== null}
          timezone={timezone}
          onChanged={onChanged}
          onClose={close}
        />
      ) : null}
      {wanted === 'return' && override !== null ? (
        <ReturnToService space={space} override={override} onChanged={onChanged} onClose={close} />
      ) : null}
    </section>
  )
}

function InForce({ override, timezone }: { override: Override; timezone: string }) {
  const { session } = useServices()
  const state = session.state.value
  const own = state.kind === 'signed in' && override.created_by === `user:${state.me.user?.id}`
  const by = own ? 'you' : override.created_by.startsWith('api_key:') ? 'an API key' : 'somebody else'
  return (
    <dl class="facts">
      <dt>In force</dt>
      <dd>{override.kind === 'blocked' ? 'blocked' : 'out of service'}</dd>
      <dt>Since</dt>
      <dd>
        <Time at={override.starts_at} timezone={timezone} />, by {by}
      </dd>
      <dt>Until</dt>
      <dd>{override.ends_at === null ? 'it is ended' : <Time at={override.ends_at} timezone={timezone} />}</dd>
      {override.reason === null ? null : (
        <>
          <dt>Reason</dt>
          <dd>
            <bdi>{override.reason}</bdi>
          </dd>
        </>
      )}
    </dl>
  )
}

function ReturnToService({
  space,
  override,
  onChanged,
  onClose,
}: {
  space: Space
  override: Override
  onChanged: () => void
  onClose: () => void
}) {
  const { api } = useServices()
  return (
    <Confirm
      title={`Return ${space.code} to service?`}
      action={`Return ${space.code} to service`}
      onClose={onClose}
      onConfirm={async () => {
        await bodyOf(api.overrides[':id'].end.$post({ param: { id: override.id } }))
        onChanged()
      }}
    >
      <p>
        The override ends now. The space is shown again as its reservations and its sensor say; the sensor last said{' '}
        {space.state.occupancy === 'unknown' ? 'nothing that still counts' : space.state.occupancy}.
      </p>
    </Confirm>
  )
}
