import { useEffect, useRef, useState } from 'preact/hooks'
import { Field } from '../components/field.tsx'
import { fieldText, momentOf, spans } from './moments.ts'

/** Whoever types a time does not mean every one on the way. */
const typingMs = 700

/** Which moment is looked at: typed, or from change to change. */
export function MomentBar({
  atMs,
  nowMs,
  timezone,
  hours,
  onMoment,
  onHours,
  onPrevious,
  onNext,
}: {
  /** Undefined while it is the present. */
  atMs: number | undefined
  nowMs: number
  timezone: string
  hours: number
  onMoment: (atMs: number | undefined) => void
  onHours: (hours: number) => void
  /** Undefined where there is none. */
  onPrevious: (() => void) | undefined
  onNext: (() => void) | undefined
}) {
  const [typed, setTyped] = useState<string>()
  const [error, setError] = useState<string>()
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  useEffect(() => setError(undefined), [atMs])

  const apply = (text: string) => {
    clearTimeout(timer.current)
    timer.current = undefined
    const wanted = momentOf(text, timezone)
    if (wanted === undefined) return setError('Give a date and a time.')
    if (wanted > Date.now()) return setError('That is yet to come: choose a moment of the past.')
    setError(undefined)
    onMoment(wanted)
  }
  const onInput = (text: string) => {
    setTyped(text)
    clearTimeout(timer.current)
    if (text !== '') timer.current = setTimeout(() => apply(text), typingMs)
  }
  return (
    <form
      class="moment-bar"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        if (typed !== undefined) apply(typed)
      }}
    >
      <Field label="Moment" error={error}>
        {(input) => (
          <input
            {...input}
            type="datetime-local"
            step={1}
            title={`In the time of ${timezone}`}
            value={typed ?? fieldText(atMs ?? nowMs, timezone)}
            onInput={(event) => onInput(event.currentTarget.value)}
            onBlur={() => {
              if (timer.current !== undefined && typed !== undefined) apply(typed)
              setTyped(undefined)
            }}
            // What is typed is not overwritten by the clock.
            onFocus={(event) => setTyped(event.currentTarget.value)}
          />
        )}
      </Field>
      <div class="moment-steps">
        <button type="button" disabled={onPrevious === undefined} onClick={onPrevious}>
          <span aria-hidden="true">◀</span>
          <span>
            Previous<span class="longer"> change</span>
          </span>
        </button>
        <button type="button" disabled={onNext === undefined} onClick={onNext}>
          <span>
            Next<span class="longer"> change</span>
          </span>
          <span aria-hidden="true">▶</span>
        </button>
        <button type="button" aria-pressed={atMs === undefined} onClick={() => onMoment(undefined)}>
          Now
        </button>
      </div>
      <Field label="Show">
        {(input) => (
          <select {...input} value={String(hours)} onChange={(event) => onHours(Number(event.currentTarget.value))}>
            {spans.map(({ hours: each, label }) => (
              <option key={each} value={String(each)}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
    </form>
  )
}
