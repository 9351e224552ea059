import { useEffect, useRef } from 'preact/hooks'
import { Age, Time } from '../components/time.tsx'
import { StatusBadge } from '../status.tsx'
import type { ShownState } from './site-model.ts'
import type { SiteSpace } from './site-spaces.ts'

/** The space that was chosen, as it is shown now or was shown at a moment. */
export function SpaceDetails({
  space,
  state,
  at,
  timezone,
  onClose,
}: {
  space: SiteSpace
  state: ShownState | undefined
  /** A moment of the past. */
  at: string | undefined
  timezone: string
  onClose: () => void
}) {
  const panel = useRef<HTMLElement>(null)
  // On a narrow screen it is below the plan.
  useEffect(() => panel.current?.scrollIntoView({ block: 'nearest' }), [space.id])
  const facts = state === undefined ? [] : [state.override, state.reservation].filter((fact) => fact !== 'none')
  return (
    <section ref={panel} class="panel space-details" aria-label="Chosen space">
      <div class="details-head">
        <h2>
          <bdi>{space.code}</bdi>
        </h2>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
      {space.name === space.code ? null : (
        <p>
          <bdi>{space.name}</bdi>
        </p>
      )}
      {state === undefined ? (
        <p class="fine">What it showed is not known yet.</p>
      ) : (
        <>
          <p>
            <StatusBadge status={state.status} />
            {state.stale ? <span class="stale-mark">stale</span> : null}
          </p>
          <dl class="facts">
            <dt>Since</dt>
            <dd>
              <Time at={state.since} timezone={timezone} />
            </dd>
            <dt>Last heard</dt>
            <dd>
              {at === undefined ? <Age at={state.observed_at} /> : <Time at={state.observed_at} timezone={timezone} />}
              {state.stale ? ': longer ago than it should be' : null}
            </dd>
            <dt>Sensor</dt>
            <dd>{state.occupancy}</dd>
            {facts.length === 0 ? null : (
              <>
                <dt>Above it</dt>
                <dd>{facts.join(', ').replaceAll('_', ' ')}</dd>
              </>
            )}
            {space.level === null ? null : (
              <>
                <dt>Level</dt>
                <dd>
                  <bdi>{space.level}</bdi>
                </dd>
              </>
            )}
            {space.features.length === 0 ? null : (
              <>
                <dt>Features</dt>
                <dd>{space.features.join(', ')}</dd>
              </>
            )}
          </dl>
        </>
      )}
      <p class="details-link">
        <a class="button" href={`/spaces/${space.id}${at === undefined ? '' : `?at=${encodeURIComponent(at)}`}`}>
          {at === undefined ? 'Why does it show this?' : 'Why did it show this?'}
        </a>
      </p>
    </section>
  )
}
