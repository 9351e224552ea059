import { useEffect, useState } from 'preact/hooks'
import { Empty, ErrorNote, Loading } from '../components/states.tsx'
import type { StreamState } from '../live/event-stream.ts'
import { counted, countOf } from '../numbers.ts'
import { outcomes } from '../outcomes.ts'
import { useServices } from '../services.ts'
import { fieldErrors } from './errors.ts'
import { FilterForm } from './filter-form.tsx'
import { apiQuery, filterOf, tabUrl } from './message-filter.ts'
import { OpenedReading, useOpenReading } from './opened-reading.tsx'
import { ReadingTable } from './reading-table.tsx'
import { useSpaceChoice } from './space-choice.ts'
import { mostRows } from './tail.ts'
import { TailFollower } from './tail-follower.ts'

/** Readings as they are logged. */
export function LiveTail() {
  const services = useServices()
  const { query } = services.navigation.place.value
  const filter = filterOf(query)
  const space = useSpaceChoice(filter.space)
  const asked = JSON.stringify(apiQuery(filter, { spaceId: space.id, within: false }))
  const canFollow = space.ready && space.error === undefined
  const [follower, setFollower] = useState<TailFollower>()
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    if (!canFollow) return setFollower(undefined)
    const { api, send, session, connection } = services
    const onForbidden = () => void session.readMe().catch(() => {})
    const made = new TailFollower({ api, send, query: JSON.parse(asked) as Record<string, string>, onForbidden })
    setFollower(made)
    const stopWaking = connection.recoveries.subscribe(() => made.wake())
    return () => {
      made.stop()
      stopWaking()
    }
  }, [asked, canFollow, turn])
  const { errors, rest } = fieldErrors(follower?.error.value)
  if (space.error !== undefined) errors.space = space.error
  return (
    <>
      <FilterForm offered={outcomes} errors={errors} action="Follow" onApply={() => setTurn((before) => before + 1)} />
      {rest === undefined ? null : <ErrorNote error={rest} />}
      {follower === undefined || Object.keys(errors).length > 0 ? null : <Followed follower={follower} />}
    </>
  )
}

const words: Readonly<Record<StreamState, string>> = {
  live: 'Following.',
  connecting: 'Connecting…',
  lost: 'The connection is lost; it is tried again and again, and goes on where it was.',
  off: 'Not following.',
}

function Followed({ follower }: { follower: TailFollower }) {
  const { navigation } = useServices()
  const { rows, begun, held, skipped } = follower.view.value
  const open = useOpenReading()
  const search = tabUrl('search', navigation.place.value.query)
  const shown = rows.filter(({ kind }) => kind === 'reading').length
  const listed = rows.flatMap((row) => (row.kind === 'reading' ? [row.reading] : []))
  return (
    <>
      <div class="tail-bar">
        <button
          type="button"
          aria-pressed={held !== undefined}
          onClick={() => (held === undefined ? follower.pause() : follower.resume())}
        >
          {held === undefined ? 'Pause' : 'Go on'}
        </button>
        <span role="status">
          {held === undefined ? words[follower.state.value] : `Paused. ${countOf(held, 'reading')} since then.`}
        </span>
        {skipped === 0 ? null : (
          <span class="mark mark-warning">{countOf(skipped, 'reading')} came too fast to be shown</span>
        )}
        <span class="fine">
          {shown >= mostRows ? `The newest ${counted(shown)} are kept here. ` : ''}
          <a href={search}>Search the log for older ones</a>
        </span>
      </div>
      {rows.length > 0 ? (
        <ReadingTable caption="Readings as they are logged, the newest first" rows={rows} onOpen={open} />
      ) : begun ? (
        <Empty title="No such reading in the last 24 hours">
          <p>
            It stands here as soon as one is logged. If you expect some: is the filter right, is the device switched on,
            and does it reach the broker? <a href={search}>The log</a> has what was before.
          </p>
        </Empty>
      ) : (
        <Loading what="Reading the last ones" />
      )}
      <OpenedReading listed={listed} />
    </>
  )
}
