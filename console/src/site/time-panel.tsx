import { useEffect, useState } from 'preact/hooks'
import { Field } from '../components/field.tsx'
import { ErrorNote } from '../components/states.tsx'
import { dayOf, fullTime, localDay } from '../times.ts'
import type { Past, Period } from './past.ts'

const speeds = [60, 600, 3600] as const
const dayMs = 86_400_000
/** While the present is shown, the end of the slider is now. */
const nowEveryMs = 1000
const stepsMs: Readonly<Record<string, number>> = {
  ArrowLeft: -60_000,
  ArrowDown: -60_000,
  ArrowRight: 60_000,
  ArrowUp: 60_000,
  PageDown: -3_600_000,
  PageUp: 3_600_000,
}

/** Goes back to any moment of the last day, or of another one, and plays from there. */
export function TimePanel({
  past,
  timezone,
  begin,
}: {
  past: Past
  timezone: string
  /** Before it there was nothing. */
  begin: Date
}) {
  const [speed, setSpeed] = useState<number>(600)
  const [, setNow] = useState(0)
  const moment = past.moment.value
  const isPast = moment !== undefined
  useEffect(() => {
    if (isPast) return
    const refresh = () => {
      past.setPeriod(periodOf('', { timezone, begin }))
      setNow((before) => before + 1)
    }
    refresh()
    const timer = setInterval(refresh, nowEveryMs)
    return () => clearInterval(timer)
  }, [isPast])

  const { day, fromMs, toMs } = past.period
  const atMs = moment?.atMs ?? toMs
  const shownTime = (ms: number) => fullTime(new Date(ms), timezone)
  const choose = (chosen: string) => {
    const period = periodOf(chosen, { timezone, begin })
    past.setPeriod(period)
    if (chosen !== '') past.seek(period.fromMs)
  }
  return (
    <section class="panel time-panel" aria-label="Time">
      <div class="time-controls">
        <Field label="Day">
          {(input) => (
            <input
              {...input}
              type="date"
              min={localDay(begin, timezone)}
              max={localDay(new Date(), timezone)}
              value={day}
              onChange={(event) => choose(event.currentTarget.value)}
            />
          )}
        </Field>
        {day === '' ? null : (
          <button type="button" onClick={() => choose('')}>
            Last 24 hours
          </button>
        )}
        {moment?.playing === undefined ? (
          <button type="button" onClick={() => past.play(speed)}>
            <span aria-hidden="true">▶</span> Play
          </button>
        ) : (
          <button type="button" onClick={() => past.pause()}>
            <span aria-hidden="true">❚❚</span> Pause
          </button>
        )}
        <Field label="Speed">
          {(input) => (
            <select
              {...input}
              value={String(speed)}
              onChange={(event) => {
                const chosen = Number(event.currentTarget.value)
                setSpeed(chosen)
                if (moment?.playing !== undefined) past.play(chosen)
              }}
            >
              {speeds.map((each) => (
                <option key={each} value={String(each)}>
                  {each}×: {each / 60} min a second
                </option>
              ))}
            </select>
          )}
        </Field>
        <span class="time-at" role="status">
          {moment === undefined ? 'Shown: now' : moment.waiting ? `Reading what was at ${shownTime(atMs)}…` : null}
        </span>
      </div>
      <input
        type="range"
        class="time-slider"
        aria-label="Moment"
        aria-valuetext={moment === undefined ? 'now' : shownTime(atMs)}
        min={fromMs}
        max={toMs}
        step={1}
        value={atMs}
        onInput={(event) => {
          past.pause()
          past.seek(Number(event.currentTarget.value))
        }}
        onKeyDown={(event) => {
          const step = stepsMs[event.key]
          if (step === undefined) return
          event.preventDefault()
          past.pause()
          past.seek(atMs + step)
        }}
      />
      <div class="time-ends">
        <span>{shownTime(fromMs)}</span>
        <span>{day === '' ? 'now' : shownTime(toMs)}</span>
      </div>
      {moment?.error === undefined ? null : <ErrorNote error={moment.error} onRetry={() => past.seek(moment.atMs)} />}
    </section>
  )
}

/** @param day of the site's time zone; '' for the last 24 hours */
export function periodOf(day: string, { timezone, begin }: { timezone: string; begin: Date }): Period {
  const now = Date.now()
  const { fromMs, toMs } = day === '' ? { fromMs: now - dayMs, toMs: now } : dayOf(day, timezone)
  return { day, fromMs: Math.min(now, Math.max(begin.getTime(), fromMs)), toMs: Math.min(toMs, now) }
}
