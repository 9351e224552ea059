import { useEffect, useRef, useState } from 'preact/hooks'
import { Empty } from '../components/states.tsx'
import { Time } from '../components/time.tsx'
import { useServices } from '../services.ts'
import { StatusBadge } from '../status.tsx'
import type { Dashboard } from './attention.ts'
import { changeOfDashboard, changeOfStream, newestOf, saying, type Change } from './changes.ts'

/** Where much happens, the list moves no more often than one can read it. */
const movesMs = 1000

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
        <ol class="plain">
          {changes.map((change) => (
            <li key={change.key} class="change">
              <Time at={change.at} />
              <SpaceOf change={change} />
              <span class="change-kind">{saying(change.kind)}</span>
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
  const { live } = useServices()
  const [heard, setHeard] = useState<readonly Change[]>([])
  const waiting = useRef<Change[]>([])
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const move = () => {
      timer = undefined
      const changes = waiting.current.splice(0)
      setHeard((before) => newestOf([...changes, ...before]))
    }
    const stop = live.follow({
      onEvent: (event) => {
        waiting.current.push(changeOfStream(event))
        timer ??= setTimeout(move, movesMs)
      },
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [])
  return heard
}
