import type { InferResponseType } from 'hono/client'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { BaywireClient } from '../../../src/api/client.ts'
import { useEvery } from '../components/every.ts'
import { Confirm } from '../components/dialog.tsx'
import { useLoaded } from '../components/loaded.ts'
import { ErrorNote, Show } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import { counted, countOf } from '../numbers.ts'
import { outcomeFaces, outcomes } from '../outcomes.tsx'
import { bodyOf, newIdempotencyKey } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { deadOutcomes } from './dead-letters.tsx'
import type { MessageFilter } from './message-filter.ts'
import { attempted, isOpen, reportLines, standing } from './redrive-words.ts'

type Redrive = InferResponseType<BaywireClient['api']['v1']['redrives']['$get'], 200>['items'][number]

const pollMs = 2000
const listed = '20'

/** Dead letters once more: counted first, then done, and how that goes on. */
export function RedriveSection({
  filter,
  total,
  onDone,
}: {
  filter: MessageFilter
  /** How many letters fit the filter. */
  total: number | undefined
  /** One that was executed has come to its end. */
  onDone: () => void
}) {
  const { api, session, navigation } = useServices()
  const shownId = navigation.place.value.query.get('redrive') ?? ''
  const earlier = useLoaded(
    (signal) => bodyOf(api.redrives.$get({ query: { limit: listed } }, { init: { signal } })),
    [],
  )
  const [error, setError] = useState<Error>()
  const [busy, setBusy] = useState(false)
  const ask = useAsk()
  const dryRun = async () => {
    setBusy(true)
    setError(undefined)
    try {
      await ask({ filter: lettersOf(filter), execute: false })
      earlier.reload()
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown : new Error(String(thrown)))
    }
    setBusy(false)
  }
  const onEnd = (redrive: Redrive) => {
    earlier.reload()
    if (redrive.execute) onDone()
  }
  const mayRedrive = session.may('readings:redrive')
  if (total === 0 && shownId === '' && earlier.data?.items.length === 0) return null
  return (
    <section aria-labelledby="redrive" class="redrive">
      <div class="section-heading">
        <h2 id="redrive">Redrive</h2>
        <span class="fine">as if they arrived when they did, in the order of arrival</span>
      </div>
      {mayRedrive ? (
        <div class="tail-bar">
          <button
            type="button"
            class="primary"
            disabled={busy || total === 0 || total === undefined}
            onClick={() => void dryRun()}
          >
            {busy ? 'Asking…' : 'Try it without changing anything'}
          </button>
          <span class="fine">
            {total === 0
              ? 'There is none to redrive.'
              : `Says first what would become of ${total === undefined ? 'them' : `the ${countOf(total, 'letter')}`} that this filter takes.`}
          </span>
        </div>
      ) : (
        <p class="fine">
          To redrive letters your role lacks the permission <code>readings:redrive</code>.
        </p>
      )}
      {error === undefined ? null : <ErrorNote error={error} />}
      {shownId === '' ? null : <Followed key={shownId} id={shownId} ask={ask} mayRedrive={mayRedrive} onEnd={onEnd} />}
      <Show loaded={earlier}>{({ items }) => <Earlier items={items.filter(({ id }) => id !== shownId)} />}</Show>
    </section>
  )
}

interface Wanted {
  filter: ReturnType<typeof lettersOf>
  execute: boolean
  expected_letters?: number
}

function lettersOf({ outcomes: wanted, topic, device, from, to }: MessageFilter) {
  return {
    ...(wanted.length === 0 ? {} : { outcome: deadOutcomes.filter((outcome) => wanted.includes(outcome)) }),
    ...(topic === '' ? {} : { topic }),
    ...(device === '' ? {} : { device }),
    ...(from === '' ? {} : { from }),
    ...(to === '' ? {} : { to }),
  }
}

/** Asks for a redrive and shows it. One that was asked for and not answered is asked for with the same key. */
function useAsk(): (wanted: Wanted) => Promise<void> {
  const { api, navigation } = useServices()
  const unanswered = useRef<{ what: string; key: string } | undefined>(undefined)
  return async (wanted) => {
    const what = JSON.stringify(wanted)
    if (unanswered.current?.what !== what) unanswered.current = { what, key: newIdempotencyKey() }
    const header = { 'idempotency-key': unanswered.current.key }
    const { id } = await bodyOf(api.redrives.$post({ header, json: { force: false, ...wanted } }))
    unanswered.current = undefined
    navigation.setQuery({ redrive: id })
  }
}

/** One redrive, until its end and what it came to. */
function Followed({
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
          {execute ? 'Redrive' : 'Dry run'} of <Filter filter={redrive.filter} />
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
          Redrive these {letters}…
        </button>
      ) : null}
      {asking === 'execute' && report !== null ? (
        <Confirm
          title={`Redrive ${letters}?`}
          action={`Redrive ${letters}`}
          onConfirm={() => ask({ filter: wantedOf(filter), execute: true, expected_letters: total ?? 0 })}
          onClose={() => setAsking(undefined)}
        >
          <p>
            {countOf(report.settled, 'letter')} would take effect: spaces may show something else, and parking sessions
            be corrected. The other {counted((total ?? 0) - report.settled)} stay as they are.
          </p>
          <p>Where there are more letters by then than these {counted(total ?? 0)}, nothing is done.</p>
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

function wantedOf({ outcome, device, topic, from, to }: Redrive['filter']): Wanted['filter'] {
  const letters = { device: device ?? '', topic: topic ?? '', from: from ?? '', to: to ?? '', space: '' }
  return lettersOf({ ...letters, outcomes: outcome ?? [] })
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

/** Which letters, in words. */
function Filter({ filter: { outcome, device, topic, from, to } }: { filter: Redrive['filter'] }) {
  const isAll = [outcome, device, topic, from, to].every((part) => part === undefined)
  if (isAll) return <>all dead letters</>
  return (
    <>
      {outcome === undefined ? 'letters' : outcome.map((name) => outcomeFaces[name].label.toLowerCase()).join(', ')}
      {device === undefined ? null : (
        <>
          {' '}
          of <bdi class="code">{device}</bdi>
        </>
      )}
      {topic === undefined ? null : (
        <>
          {' '}
          at <bdi class="code">{topic}</bdi>
        </>
      )}
      {from === undefined ? null : (
        <>
          {' '}
          from <Time at={from} />
        </>
      )}
      {to === undefined ? null : (
        <>
          {' '}
          before <Time at={to} />
        </>
      )}
    </>
  )
}

const stands: Readonly<Record<Redrive['status'], string>> = {
  waiting: 'waits',
  running: 'runs',
  done: 'done',
  failed: 'failed',
}

function Earlier({ items }: { items: readonly Redrive[] }) {
  const { navigation } = useServices()
  if (items.length === 0) return null
  return (
    <details class="earlier">
      <summary>Earlier redrives ({counted(items.length)})</summary>
      <Table
        caption="Earlier redrives, the newest first"
        items={items}
        keyOf={({ id }) => id}
        columns={[
          {
            head: 'Asked for',
            cell: ({ id, requested_at: at }) => (
              <button type="button" class="opens" onClick={() => navigation.setQuery({ redrive: id })}>
                <span class="unseen">Show the redrive of </span>
                <Time at={at} />
              </button>
            ),
          },
          { head: 'Kind', cell: ({ execute }) => (execute ? 'executed' : 'dry run') },
          {
            head: 'Letters of',
            cell: ({ filter }) => (
              <div>
                <Filter filter={filter} />
              </div>
            ),
          },
          {
            head: 'Stands',
            cell: ({ status, reason }) =>
              status === 'failed' ? (
                <span class="mark mark-danger">{reason === 'cancelled' ? 'cancelled' : 'failed'}</span>
              ) : (
                stands[status]
              ),
          },
          {
            head: 'Settled',
            cell: ({ report, execute }) =>
              report === null ? <span class="none">–</span> : `${counted(report.settled)}${execute ? '' : ' would'}`,
            numeric: true,
          },
        ]}
      />
    </details>
  )
}
