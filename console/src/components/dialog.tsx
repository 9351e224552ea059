import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { ErrorNote } from './states.tsx'

/** A dialog in front of the page: Escape closes it, and what opened it has the focus again. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string
  onClose: () => void
  children: ComponentChildren
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  )
}

/** Asks before something is done; says what, and of how many. Stays open with the error when that is refused. */
export function Confirm({
  title,
  children,
  action,
  ready = true,
  onConfirm,
  onClose,
}: {
  title: string
  children: ComponentChildren
  /** On the button that does it: `Redrive 12 letters`. */
  action: string
  /** What is asked for is chosen. */
  ready?: boolean
  /** Rejects where it was refused. */
  onConfirm: () => Promise<void>
  onClose: () => void
}) {
  const [error, setError] = useState<Error>()
  const [busy, setBusy] = useState(false)
  const confirm = async () => {
    setBusy(true)
    setError(undefined)
    try {
      await onConfirm()
      onClose()
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown : new Error(String(thrown)))
      setBusy(false)
    }
  }
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      {error === undefined ? null : <ErrorNote error={error} />}
      <div class="dialog-actions">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="primary" disabled={busy || !ready} onClick={() => void confirm()}>
          {busy ? 'Working…' : action}
        </button>
      </div>
    </Dialog>
  )
}
