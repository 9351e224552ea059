import { useState } from 'preact/hooks'
import { Confirm } from '../components/dialog.tsx'
import { Field } from '../components/field.tsx'
import { bodyOf, isProblem } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import type { Device } from './types.ts'

interface ChangeProps {
  device: Device
  /** As it was read: what somebody else changed since is not overwritten. */
  revision: string
  onDone: () => void
  onClose: () => void
}

const changedMeanwhile = 'Somebody else has changed it in the meantime. It was read anew: look at it, and try again.'

export function RenameDialog({ device, revision, onDone, onClose }: ChangeProps) {
  const { api } = useServices()
  const [name, setName] = useState(device.name ?? '')
  const [nameError, setNameError] = useState<string>()
  const rename = async () => {
    const json = { name: name.trim() === '' ? null : name.trim() }
    try {
      const header = { 'if-match': revision }
      await bodyOf(api.devices[':id'].$patch({ param: { id: device.id }, json, header }))
    } catch (error) {
      setNameError(isProblem(error) ? error.errorOf('name') : undefined)
      if (!isProblem(error, 'revision-outdated')) throw error
      onDone()
      throw new Error(changedMeanwhile, { cause: error })
    }
    onDone()
  }
  return (
    <Confirm title={`Name of ${device.code}`} action="Rename" onConfirm={rename} onClose={onClose}>
      <Field label="Name" hint="Its code stays: what it publishes to is named by it." error={nameError}>
        {(input) => (
          <input
            {...input}
            type="text"
            autocomplete="off"
            maxLength={200}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        )}
      </Field>
    </Confirm>
  )
}

export function DeleteDialog({
  device,
  revision,
  onDone,
  onStale,
  onClose,
}: ChangeProps & {
  /** Somebody else changed it. */
  onStale: () => void
}) {
  const { api } = useServices()
  const remove = async () => {
    try {
      await api.devices[':id'].$delete({ param: { id: device.id }, header: { 'if-match': revision } })
    } catch (error) {
      if (!isProblem(error, 'revision-outdated')) throw error
      onStale()
      throw new Error(changedMeanwhile, { cause: error })
    }
    onDone()
  }
  const isPlaced = device.space_id !== null
  return (
    <Confirm
      title={`Delete ${device.code}?`}
      action="Delete 1 device"
      ready={!isPlaced}
      onConfirm={remove}
      onClose={onClose}
    >
      {isPlaced ? (
        <p>It stands at {device.space}: end its assignment first.</p>
      ) : (
        <p>Its credential ends, and what it still sends is of an unknown device. Its readings stay in the log.</p>
      )}
    </Confirm>
  )
}
