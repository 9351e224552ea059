import { permissions } from '../../../src/auth/permissions.ts'
import { useEvery } from '../components/every.ts'
import { useLoaded } from '../components/loaded.ts'
import { ErrorNote, Loading, Show } from '../components/states.tsx'
import { Time } from '../components/time.tsx'
import { Problem } from '../requests/problem.ts'
import { useServices } from '../services.ts'
import { StatusBadge } from '../status.tsx'
import { changeAt } from './bands.ts'
import { readExplanation, type Space } from './data.ts'
import { ExplanationView } from './explanation.tsx'
import { useSettled } from './paced.ts'
import type { Timeline } from './timeline.ts'
import { Told } from './told.tsx'
import { kindText, ruleText } from './words.ts'

/** Whoever steps through changes does not want each explained on the way. */
const settleMs = 250
const everyMs = 60_000

/** Why it shows what it shows, or showed at a moment. */
export function WhyPanel({
  id,
  at,
  asKnownNow,
  changes,
  timezone,
  onKnown,
}: {
  id: string
  at: string | undefined
  asKnownNow: boolean
  /** Raised when something has changed. */
  changes: number
  timezone: string
  onKnown: (asKnownNow: boolean) => void
}) {
  const { api } = useServices()
  const settledAt = useSettled(at, settleMs)
  const isNow = settledAt === undefined
  const loaded = useLoaded(
    async (signal) => ({
      isNow,
      explanation: await readExplanation(api, { id, signal, at: settledAt, asKnownNow: asKnownNow && !isNow }),
    }),
    [id, settledAt, asKnownNow && !isNow, isNow ? changes : 0],
  )
  // A sensor that says the same again is told by no event.
  useEvery(everyMs, () => {
    if (isNow) loaded.reload()
  })
  const { data, error, reload } = loaded
  const isFor = data !== undefined && data.isNow === (at === undefined) && settledAt === at
  const behind = !isFor || (loaded.loading && !isNow)
  return (
    <section class={at === undefined ? 'panel why' : 'panel why past'} aria-labelledby="why-heading" aria-busy={behind}>
      <div class="panel-head">
        <h2 id="why-heading">{at === undefined ? 'Why does it show this?' : 'Why did it show this?'}</h2>
        {at === undefined ? null : (
          <div class="known" role="group" aria-label="By what was known">
            <button type="button" aria-pressed={!asKnownNow} onClick={() => onKnown(false)}>
              As shown
            </button>
            <button type="button" aria-pressed={asKnownNow} onClick={() => onKnown(true)}>
              As known now
            </button>
          </div>
        )}
      </div>
      {error === undefined ? null : <ErrorNote error={told(error)} onRetry={reload} />}
      {data === undefined ? (
        error === undefined ? (
          <Loading />
        ) : null
      ) : (
        <div class={behind ? 'behind' : undefined}>
          <ExplanationView explanation={data.explanation} timezone={timezone} isNow={data.isNow} />
        </div>
      )}
    </section>
  )
}

/** The moment is the only thing that one chooses here. */
function told(error: Error): Error {
  const ofMoment = error instanceof Problem ? error.errorOf('at') : undefined
  return ofMoment === undefined ? error : new Error(`The moment ${ofMoment}. Choose another one above.`)
}

/** For whoever may see states but no messages: the state, the rule, and what is missing for more. */
export function PlainWhy({
  space,
  timeline,
  atMs,
  timezone,
}: {
  space: Space
  timeline: Timeline
  atMs: number | undefined
  timezone: string
}) {
  const change = atMs === undefined ? undefined : (changeAt(timeline.entries, atMs) ?? timeline.before ?? undefined)
  return (
    <section class={atMs === undefined ? 'panel why' : 'panel why past'} aria-labelledby="why-heading">
      <h2 id="why-heading">{atMs === undefined ? 'Why does it show this?' : 'Why did it show this?'}</h2>
      {atMs === undefined ? (
        <p class="because">
          <Told
            sentence={space.why?.because ?? 'Nothing is kept that would say why.'}
            timezone={timezone}
            spaceId={space.id}
          />
        </p>
      ) : (
        <Show loaded={timeline.loaded}>
          {() =>
            change === undefined ? (
              <p>Nothing had been recorded of it by then.</p>
            ) : (
              <>
                <p>
                  <StatusBadge status={change.state.status} /> {change.state.stale ? 'stale' : null}
                </p>
                <p>
                  {kindText(change.kind)} at <Time at={change.event_time} timezone={timezone} />:{' '}
                  {ruleText(change.rule)}.
                </p>
              </>
            )
          }
        </Show>
      )}
      <p class="fine">
        Which messages made it so needs the permission <code>readings:read</code>, which these roles have:{' '}
        {permissions['readings:read'].roles.join(', ')}.
      </p>
    </section>
  )
}
