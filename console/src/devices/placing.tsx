import { useState } from 'preact/hooks'
import { Confirm } from '../components/dialog.tsx'
import { bodyOf, newIdempotencyKey } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { Neighbours, SpacePicker, type ChosenSpace } from './space-picker.tsx'
import type { Device } from './types.ts'

interface PlacingProps {
  device: Device
  onDone: () => void
  onClose: () => void
}

/** Puts a device at a space, from wherever it stood. */
export function AssignDialog({ device, onDone, onClose }: PlacingProps) {
  const { api } = useServices()
  const [space, setSpace] = useState<ChosenSpace>()
  const [key] = useState(newIdempotencyKey)
  const assign = async () => {
    if (space === undefined) throw new Error('Choose a space first.')
    const param = { id: device.id }
    await bodyOf(
      api.devices[':id'].assign.$post({ param, json: { space_id: space.id }, header: { 'idempotency-key': key } }),
    )
    onDone()
  }
  return (
    <Confirm
      title={device.space === null ? `Put ${device.code} at a space` : `Move ${device.code} to another space`}
      action={space === undefined ? 'Choose a space' : `Put at ${space.path}`}
      ready={space !== undefined && space.id !== device.space_id}
      onConfirm={assign}
      onClose={onClose}
    >
      <p>
        {device.space === null
          ? 'Where it never stood anywhere, it is taken to have stood there always, so that what it said before can be redriven; otherwise from now on.'
          : `It stands at ${device.space}. What it says from now on belongs to the other space; what it said before stays where it is.`}
      </p>
      <SpacePicker chosen={space} onChoose={setSpace} beginWith="" />
      {space === undefined ? null : <Neighbours space={space} but={device.code} />}
      {space !== undefined && space.id === device.space_id ? <p class="note">It stands there now.</p> : null}
    </Confirm>
  )
}

export function UnassignDialog({ device, onDone, onClose }: PlacingProps) {
  const { api } = useServices()
  const [key] = useState(newIdempotencyKey)
  const unassign = async () => {
    const param = { id: device.id }
    await bodyOf(api.devices[':id'].unassign.$post({ param, json: {}, header: { 'idempotency-key': key } }))
    onDone()
  }
  return (
    <Confirm
      title={`Take ${device.code} from ${device.space ?? 'its space'}?`}
      action="End 1 assignment"
      onConfirm={unassign}
      onClose={onClose}
    >
      <p>
        What it says from now on belongs to no space and has no effect; it is logged as <em>unassigned</em>. The space
        keeps what it shows until it has been silent for too long.
      </p>
    </Confirm>
  )
}
