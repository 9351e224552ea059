import { useState } from 'preact/hooks'
import { Dialog } from '../components/dialog.tsx'
import { Field } from '../components/field.tsx'
import { ErrorNote } from '../components/states.tsx'
import { isProblem } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import type { Space } from './data.ts'
import { momentOf } from './moments.ts'

export type OverrideKind = 'blocked' | 'out_of_service'

const words: Readonly<Record<OverrideKind, { title: string; about: string }>> = {
  blocked: { title: 'Block', about: 'Nobody is to park there: it is shown as blocked, and cannot be reserved.' },
  out_of_service: {
    title: 'Take out of service',
    about: 'As if the space were not there: it is shown as out of service, and cannot be reserved.',
  },
}
const longestReason = 500

/** Asks until when and why, both optional. */
export function OverrideDialog({
  kind,
  space,
  replaces,
  timezone,
  onChanged,
  onClose,
}: {
  kind: OverrideKind
  space: Space
  /** There is one in force. */
  replaces: boolean
  timezone: string
  onChanged: () => void
  onClose: () => void
}) {
  const { api } = useServices()
  const [until, setUntil] = useState('')
  const [reason, setReason] = useState('')
  const [error, setError] = useState<Error>()
  const [untilError, setUntilError] = useState<string>()
  const [busy, setBusy] = useState(false)
  const { title, about } = words[kind]

  const make = async () => {
    const endsMs = until === '' ? undefined : momentOf(until, timezone)
    if (until !== '' && (endsMs === undefined || endsMs <= Date.now())) {
      return setUntilError('The end must be later than now.')
    }
    setUntilError(undefined)
    setError(undefined)
    setBusy(true)
    const json = {
      space_id: space.id,
      kind,
      ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
      ...(endsMs === undefined ? {} : { ends_at: new Date(endsMs).toISOString() }),
    }
    try {
      await api.overrides.$post({ json })
      onChanged()
      onClose()
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown : new Error(String(thrown)))
      setBusy(false)
    }
  }
  const ofField = (path: string) => (isProblem(error) ? error.errorOf(path) : undefined)
  const isOfFields = ofField('ends_at') !== undefined || ofField('reason') !== undefined
  return (
    <Dialog title={`${title}: ${space.code}`} onClose={onClose}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          if (!busy) void make()
        }}
      >
        <p>
          {about}
          {replaces ? ' It takes the place of what is in force now.' : null}
        </p>
        <Field
          label="Until (optional)"
          hint={`In the time of ${timezone}. Without an end it lasts until somebody ends it.`}
          error={untilError ?? ofField('ends_at')}
        >
          {(input) => (
            <input
              {...input}
              type="datetime-local"
              value={until}
              onInput={(event) => {
                setUntil(event.currentTarget.value)
                setUntilError(undefined)
              }}
            />
          )}
        </Field>
        <Field label="Reason (optional)" hint="Whoever asks why it is blocked reads it." error={ofField('reason')}>
          {(input) => (
            <input
              {...input}
              type="text"
              class="wide"
              maxLength={longestReason}
              autocomplete="off"
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          )}
        </Field>
        {error === undefined || isOfFields ? null : <ErrorNote error={error} />}
        <div class="dialog-actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy}>
            {busy ? 'Working…' : `${title}: ${space.code}`}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
