import { useEffect, useRef, useState } from 'preact/hooks'
import { Confirm } from '../components/dialog.tsx'
import { useEvery } from '../components/every.ts'
import { useLoaded } from '../components/loaded.ts'
import { Show } from '../components/states.tsx'
import { counted, countOf } from '../numbers.ts'
import { outcomeFaces, outcomes } from '../outcomes.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { RedrivenLetters } from './redrive-list.tsx'
import { sameLetters, type Redrive, type Wanted } from './redrive-request.ts'
import { attempted, isOpen, reportLines, standing } from './redrive-words.ts'

const pollMs = 2000

/** One redrive, until its end and what it came to. */
export function RedrivePanel({
  id,
  ask,
  mayRedrive,
  onEnd,
}: {
  id: string
  ask: (wanted: Wanted) => Promise<void>
  mayRedrive: boolean
  onEnd: (redrive: Redrive) => void
}) {
  const { api } = useServices()
  const loaded = useLoaded((signal) => bodyOf(api.redrives[':id'].$get({ param: { id } }, { init: { signal } })), [id])
  const redrive = loaded.data
  const goesOn = redrive !== undefined && isOpen(redrive)
  useEvery(pollMs, () => {
    if (goesOn && !loaded.loading) loaded.reload()
  })
  const wasOpen = useRef(false)
  useEffect(() => {
    if (redrive === undefined) return
    if (wasOpen.current && !goesOn) onEnd(redrive)
    wasOpen.current = goesOn
  }, [redrive])
  return (
    <div class="panel redrive-panel">
      <Show loaded={loaded}>
        {(shown) => <Standing redrive={shown} ask={ask} mayRedrive={mayRedrive} onChange={loaded.reload} />}
      </Show>
    </div>
  )
}

function Standing({
  redrive,
  ask,
  mayRedrive,
  onChange,
}: {
  redrive: Redrive
  ask: (wanted: Wanted) => Promise<void>
  mayRedrive: boolean
  onChange: () => void
}) {
  const { navigation } = useServices()
  const { execute, status, report, letters_total: total, letters_done: done } = redrive
  return (
    <>
      <div class="section-heading">
        <h3>
          {execute ? 'Redrive' : 'Dry run'} of <RedrivenLetters filter={redrive.filter} />
        </h3>
        <button type="button" class="small" onClick={() => navigation.setQuery({ redrive: undefined })}>
          Put away
        </button>
      </div>
      <p role="status" class={status === 'failed' ? 'field-error' : undefined}>
        {standing(redrive)}
      </p>
      {status === 'running' ? (
        <progress aria-label="Letters looked at" max={total ?? undefined} value={total === null ? undefined : done} />
      ) : null}
      {report === null ? null : <Report report={report} execute={execute} />}
      {mayRedrive ? <Actions redrive={redrive} ask={ask} onChange={onChange} /> : null}
    </>
  )
}

function Actions({
  redrive,
  ask,
  onChange,
}: {
  redrive: Redrive
  ask: (wanted: Wanted) => Promise<void>
  onChange: () => void
}) {
  const { api } = useServices()
  const [asking, setAsking] = useState<'execute' | 'cancel'>()
  const { id, filter, execute, status, report, letters_total: total } = redrive
  const letters = countOf(total ?? 0, 'letter')
  const canExecute = !execute && status === 'done' && report !== null && attempted(report) > 0
  const rest = (total ?? 0) - (report?.settled ?? 0)
  const cancel = async () => {
    await bodyOf(api.redrives[':id'].cancel.$put({ param: { id } }))
    onChange()
  }
  return (
    <div class="dialog-actions">
      {isOpen(redrive) ? (
        <button type="button" disabled={redrive.cancel_requested_at !== null} onClick={() => setAsking('cancel')}>
          {redrive.cancel_requested_at === null ? 'Cancel' : 'Ending…'}
        </button>
      ) : null}
      {canExecute ? (
        <button type="button" class="primary" onClick={() => setAsking('execute')}>
          {total === 1 ? 'Redrive this letter…' : `Redrive these ${letters}…`}
        </button>
      ) : null}
      {asking === 'execute' && report !== null ? (
        <Confirm
          title={`Redrive ${letters}?`}
          action={`Redrive ${letters}`}
          onConfirm={() => ask({ filter: sameLetters(filter), execute: true, expected_letters: total ?? 0 })}
          onClose={() => setAsking(undefined)}
        >
          <p>
            {countOf(report.settled, 'letter')} would take effect: spaces may show something else, and parking sessions
            be corrected.
            {rest === 0 ? '' : ` The other ${counted(rest)} stay dead letters.`}
          </p>
          <p>Where there are more letters by then than {counted(total ?? 0)}, nothing is done.</p>
        </Confirm>
      ) : null}
      {asking === 'cancel' ? (
        <Confirm
          title="End it?"
          action={execute ? 'End the redrive' : 'End the dry run'}
          onConfirm={cancel}
          onClose={() => setAsking(undefined)}
        >
          <p>{execute ? 'What was done by then stays; the rest stays a dead letter.' : 'Nothing is changed by it.'}</p>
        </Confirm>
      ) : null}
    </div>
  )
}

function Report({ report, execute }: { report: NonNullable<Redrive['report']>; execute: boolean }) {
  const readings = outcomes.filter((outcome) => (report.readings[outcome] ?? 0) > 0)
  return (
    <>
      <ul class="figures">
        {reportLines(report, { execute }).map(({ label, count, about }) => (
          <li key={label}>
            <span class="figure">{counted(count)}</span> <span>{label}</span>
            <span class="fine">{about}</span>
          </li>
        ))}
      </ul>
      {readings.length === 0 ? null : (
        <p>
          Their readings {execute ? 'came' : 'would come'} to:{' '}
          {readings
            .map((outcome) => `${outcomeFaces[outcome].label.toLowerCase()} ${counted(report.readings[outcome] ?? 0)}`)
            .join(', ')}
          .
        </p>
      )}
    </>
  )
}
