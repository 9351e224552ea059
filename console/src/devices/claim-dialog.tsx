import { useRef, useState } from 'preact/hooks'
import { Confirm, Dialog } from '../components/dialog.tsx'
import { Field } from '../components/field.tsx'
import { countOf } from '../numbers.ts'
import { bodyOf, isProblem, newIdempotencyKey } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { SecretNote } from './secret-note.tsx'
import { Neighbours, SpacePicker, type ChosenSpace } from './space-picker.tsx'
import type { Claimed, Orphan } from './types.ts'

interface ClaimProps {
  orphan: Orphan
  onClaimed: () => void
  onClose: () => void
}

/** Makes a device of what was heard, and puts it where it stands; then says how what it said before takes effect. */
export function ClaimDialog({ orphan, onClaimed, onClose }: ClaimProps) {
  const [claimed, setClaimed] = useState<Claimed>()
  if (claimed !== undefined) return <ClaimedDialog orphan={orphan} claimed={claimed} onClose={onClose} />
  return (
    <ClaimForm
      orphan={orphan}
      onClose={onClose}
      onClaimed={(device) => {
        setClaimed(device)
        onClaimed()
      }}
    />
  )
}

function ClaimForm({
  orphan,
  onClaimed,
  onClose,
}: Omit<ClaimProps, 'onClaimed'> & { onClaimed: (claimed: Claimed) => void }) {
  const { api } = useServices()
  const [space, setSpace] = useState<ChosenSpace>()
  const [name, setName] = useState('')
  const [withCredential, setWithCredential] = useState(false)
  const [key, setKey] = useState(newIdempotencyKey)
  const [nameError, setNameError] = useState<string>()
  const done = useRef(false)
  const claim = async () => {
    const json = {
      ...(space === undefined ? {} : { space_id: space.id }),
      ...(name.trim() === '' ? {} : { name: name.trim() }),
      ...(withCredential ? { provision: true } : {}),
    }
    try {
      const header = { 'idempotency-key': key }
      const device = await bodyOf(api.orphans[':code'].claim.$post({ param: { code: orphan.device }, json, header }))
      done.current = true
      onClaimed(device)
    } catch (error) {
      // What is sent next is another request.
      if (isProblem(error)) setKey(newIdempotencyKey())
      setNameError(isProblem(error) ? error.errorOf('name') : undefined)
      if (isProblem(error, 'not-found')) throw new Error(taken, { cause: error })
      throw error
    }
  }
  return (
    <Confirm
      title={`Claim ${orphan.device}`}
      action={space === undefined ? 'Claim without a space' : `Claim and put at ${space.path}`}
      onConfirm={claim}
      onClose={() => {
        // Claimed, it goes on with what comes then.
        if (!done.current) onClose()
      }}
    >
      <p>
        It becomes a device with this code, and is taken to have stood at the space always. It was heard{' '}
        {orphan.heard === 1 ? 'once' : `${orphan.heard} times`}.
      </p>
      <SpacePicker chosen={space} onChoose={setSpace} />
      {space === undefined ? null : <Neighbours space={space} />}
      <Field label="Name" hint="If it has one beside its code." error={nameError}>
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
      <label class="check">
        <input
          type="checkbox"
          checked={withCredential}
          onChange={(event) => setWithCredential(event.currentTarget.checked)}
        />
        Give it a credential of its own (not needed where a gateway speaks for it)
      </label>
    </Confirm>
  )
}

const taken = 'It is not in the inbox any more: somebody else has claimed it. Look for it among the devices.'

function ClaimedDialog({ orphan, claimed, onClose }: { orphan: Orphan; claimed: Claimed; onClose: () => void }) {
  const { session } = useServices()
  const letters = `/messages?tab=dead-letters&device=${encodeURIComponent(orphan.device)}&outcome=unknown_device`
  return (
    <Dialog title={`${orphan.device} is a device now`} onClose={onClose}>
      <p>
        {claimed.space === null ? (
          'It stands nowhere yet: what it says belongs to no space.'
        ) : (
          <>
            It stands at <a href={`/spaces/${claimed.space_id ?? ''}`}>{claimed.space}</a>.
          </>
        )}
      </p>
      {claimed.credentials === undefined ? null : <SecretNote issued={claimed.credentials} />}
      {claimed.space === null ? null : (
        <>
          <p>
            What it said until now ({countOf(orphan.heard, 'reading')}) had no effect.{' '}
            {session.may('readings:read') ? (
              <>
                <a href={letters}>Redrive its dead letters</a>, so that it counts; or on the machine:
              </>
            ) : (
              'Whoever may can make it count, on the machine:'
            )}
          </p>
          <pre class="command">{claimed.redrive}</pre>
        </>
      )}
      <div class="dialog-actions">
        <a class="button" href={`/devices/${claimed.id}`}>
          See the device
        </a>
        <button type="button" class="primary" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  )
}
