import { useState } from 'preact/hooks'
import { Empty } from '../components/states.tsx'
import { Time } from '../components/time.tsx'
import { useBatches } from '../live/batches.ts'
import { StatusBadge } from '../status.tsx'
import type { Dashboard } from './attention.ts'
import { changeOfDashboard, changeOfStream, newestOf, saying, type Change } from './changes.ts'

/** The last changes of spaces, as they happen. */
export function LastChanges({ events }: { events: Dashboard['events'] }) {
  const heard = useHeard()
  const changes = newestOf([...heard, ...events.map(changeOfDashboard)])
  return (
    <section class="panel changes" aria-labelledby="changes">
      <h2 id="changes">Last changes</h2>
      {changes.length === 0 ? (
        <Empty title="Nothing has changed yet">
          <p>
            Let a device publish to <code>parking/v1/…/reading</code>: what its space shows then changes here by itself.
          </p>
        </Empty>
      ) : (
        <ol>
          {changes.map((change) => (
            <li key={change.key} class="change">
              <Time at={change.at} />
              <span>
                <SpaceOf change={change} /> <span class="fine">{saying(change.kind)}</span>
              </span>
              <StatusBadge status={change.status} />
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}

function SpaceOf({ change: { spaceId, space } }: { change: Change }) {
  if (space === null) return <span class="none">a space that is gone</span>
  return (
    <a href={`/spaces/${spaceId}`}>
      <bdi>{space}</bdi>
    </a>
  )
}

function useHeard(): readonly Change[] {
  const [heard, setHeard] = useState<readonly Change[]>([])
  useBatches((events) => setHeard((before) => newestOf([...events.map(changeOfStream), ...before])))
  return heard
}
