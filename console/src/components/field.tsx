import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface FieldProps {
  label: string
  /** Below the label, always there. */
  hint?: string | undefined
  /** What the server (or the page) says against it. */
  error?: string | undefined
}

/** What an input inside of a `Field` needs, so that its label, hint and error are read out with it. */
export interface FieldInput {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': boolean | undefined
}

export function Field({
  label,
  hint,
  error,
  children,
}: FieldProps & { children: (input: FieldInput) => ComponentChildren }) {
  const id = useId()
  const described = [hint === undefined ? undefined : `${id}-hint`, error === undefined ? undefined : `${id}-error`]
  const names = described.filter((name) => name !== undefined).join(' ')
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({
        id,
        'aria-describedby': names === '' ? undefined : names,
        'aria-invalid': error === undefined ? undefined : true,
      })}
      {hint === undefined ? null : (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error === undefined ? null : (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  )
}
