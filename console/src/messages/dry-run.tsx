import { useEffect, useRef, useState } from 'preact/hooks'
import { ErrorNote } from '../components/states.tsx'
import { counted, countOf } from '../numbers.ts'
import { outcomes } from '../outcomes.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { readPolicy, replayCommand, type PolicyForm } from './backtest.ts'
import { Copyable } from './copyable.tsx'
import { DryRunReport, type Report } from './dry-run-report.tsx'
import { fieldErrors } from './errors.ts'
import { FilterForm } from './filter-form.tsx'
import { filterOf, type MessageFilter } from './message-filter.ts'
import { PolicyFieldset } from './policy-fieldset.tsx'
import { useSpaceChoice } from './space-choice.ts'

interface Counted {
  readings: number
  spaces: number
  most: number
}

type Step = { kind: 'counting' | 'running'; abort: AbortController } | undefined

/** Logged readings once more through the state machine, as it is or under another policy: counted, then run. */
export function DryRun() {
  const { api, navigation, session } = useServices()
  const { query } = navigation.place.value
  const filter = filterOf(query)
  const space = useSpaceChoice(filter.space)
  const form = formOf(query)
  const read = readPolicy(form)
  const policy = 'policy' in read ? read.policy : null
  const chosen = JSON.stringify([filter, space.id])
  const asked = chosen + JSON.stringify(policy)
  const [step, setStep] = useState<Step>()
  const [count, setCount] = useState<{ of: string; counted: Counted }>()
  const [report, setReport] = useState<{ of: string; report: Report }>()
  const [error, setError] = useState<Error>()
  const running = useRef<AbortController | undefined>(undefined)
  // What is not looked at any more is not to be gone on with there.
  useEffect(() => () => running.current?.abort(), [])
  useEffect(() => {
    running.current?.abort()
    setError(undefined)
  }, [asked])

  const isToCount = useRef(false)
  const [, setAsked] = useState(0)
  const known = count?.of === chosen ? count.counted : undefined
  const work = async (kind: 'counting' | 'running', ask: (signal: AbortSignal) => Promise<void>) => {
    running.current?.abort()
    const abort = new AbortController()
    running.current = abort
    setStep({ kind, abort })
    setError(undefined)
    try {
      await ask(abort.signal)
    } catch (thrown) {
      if (!abort.signal.aborted) setError(thrown instanceof Error ? thrown : new Error(String(thrown)))
    }
    if (running.current === abort) setStep(undefined)
  }
  const selection = selectionOf(filter, space.id)
  const countThem = () =>
    work('counting', async (signal) => {
      const body = await bodyOf(api.replays.count.$post({ json: { filter: selection } }, { init: { signal } }))
      setCount({ of: chosen, counted: body })
    })
  const run = () =>
    work('running', async (signal) => {
      const json = { filter: selection, policy }
      const body = await bodyOf(api.replays['dry-run'].$post({ json }, { init: { signal } }))
      setReport({ of: asked, report: body })
    })
  const { errors, rest } = fieldErrors(error)
  if (space.error !== undefined) errors.space = space.error
  const state = session.state.value
  const me = state.kind === 'signed in' ? state.me : undefined
  const tenant = me?.tenants.find(({ id }) => id === me.tenant?.id)?.slug ?? ''
  const canAsk = space.ready && Object.keys(errors).length === 0 && 'policy' in read
  // Once the filter that was applied is known here, and which space is meant.
  useEffect(() => {
    if (!isToCount.current || !space.ready) return
    isToCount.current = false
    if (canAsk) void countThem()
  })
  const command = replayCommand({ tenant, filter, spacePath: space.path, site: undefined, policy })
  return (
    <>
      <p class="lead">
        Readings of the log once more through the state machine, into memory: nothing is changed. With other fields of
        the policy it says what they would have shown.
      </p>
      <FilterForm
        offered={outcomes}
        period
        folds={false}
        errors={errors}
        action={step?.kind === 'counting' ? 'Counting…' : 'Count the readings'}
        onApply={() => {
          isToCount.current = true
          setAsked((before) => before + 1)
        }}
      />
      <p role="status" class={known === undefined ? 'fine' : 'counted'}>
        {wordsOf(known)}
      </p>
      <PolicyFieldset form={form} errors={'errors' in read ? read.errors : {}} />
      <div class="tail-bar">
        <button
          type="button"
          class="primary"
          disabled={
            !canAsk || step !== undefined || known === undefined || known.readings === 0 || known.readings > known.most
          }
          onClick={() => void run()}
        >
          {known === undefined ? 'Run it' : `Run it over ${countOf(known.readings, 'reading')}`}
        </button>
        {step === undefined ? null : (
          <button type="button" onClick={() => step.abort.abort()}>
            Cancel
          </button>
        )}
        <span role="status">{step?.kind === 'running' ? 'Running: that takes up to a minute.' : ''}</span>
      </div>
      {rest === undefined ? null : <ErrorNote error={rest} />}
      {report === undefined ? null : (
        <DryRunReport report={report.report} isOld={report.of !== asked} hasPolicy={report.report.no_shows !== null} />
      )}
      <section aria-labelledby="as-command" class="as-command">
        <h2 id="as-command">The same as a command</h2>
        <p class="fine">
          Where Baywire is installed; it has no limits, and can write the readings to a file or a broker.
        </p>
        <Copyable text={command} label="Copy the command" />
      </section>
    </>
  )
}

function wordsOf(known: Counted | undefined): string {
  if (known === undefined) return 'Count first: then you know what you ask for.'
  const { readings, spaces, most } = known
  if (readings === 0) return 'No reading is chosen: widen the filter or the time.'
  const reached = `${countOf(readings, 'reading')} that reached ${countOf(spaces, 'space')}.`
  return readings > most
    ? `${reached} At most ${counted(most)} are run here: choose fewer, or use the command.`
    : reached
}

function formOf(query: URLSearchParams): PolicyForm {
  return {
    readings: query.get('readings') ?? '',
    holdS: query.get('hold_s') ?? '',
    other: query.get('policy') ?? '',
  }
}

function selectionOf({ topic, device, outcomes: wanted, from, to }: MessageFilter, spaceId: string | undefined) {
  return {
    ...(topic === '' ? {} : { topic }),
    ...(device === '' ? {} : { device }),
    ...(spaceId === undefined ? {} : { space_id: spaceId }),
    ...(wanted.length === 0 ? {} : { outcome: [...wanted] }),
    ...(from === '' ? {} : { from }),
    ...(to === '' ? {} : { to }),
  }
}
