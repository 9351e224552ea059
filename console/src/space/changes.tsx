import { useState } from 'preact/hooks'
import { Empty } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import { StatusBadge } from '../status.tsx'
import { keyOf, type Change } from './bands.ts'
import { MessageLink } from './message-link.tsx'
import type { Timeline } from './timeline.ts'
import { kindText, ruleText } from './words.ts'

const shownAtOnce = 50

/** The same as the chart, to be read: every change with its cause and its rule, the newest first. */
export function Changes({
  timeline,
  spaceId,
  timezone,
  canFollow,
  hrefOf,
  onFollow,
}: {
  timeline: Timeline
  spaceId: string
  timezone: string
  /** Messages may be looked at. */
  canFollow: boolean
  /** Of this page at a moment. */
  hrefOf: (at: string) => string
  onFollow: () => void
}) {
  const [most, setMost] = useState(shownAtOnce)
  const { entries, before, cut } = timeline
  const all = entries.toReversed()
  return (
    <>
      {cut ? <p class="note">There are more changes than can be drawn: choose a shorter time.</p> : null}
      <Table
        caption="Changes of the space, the newest first"
        items={all.slice(0, most)}
        keyOf={keyOf}
        columns={[
          {
            head: 'Shown from',
            cell: ({ recorded_at: at }) => (
              <a href={hrefOf(at)} onClick={onFollow}>
                <Time at={at} timezone={timezone} />
              </a>
            ),
          },
          {
            head: 'Status',
            cell: ({ state }) => (
              <StatusBadge status={state.status}>
                {state.stale ? <span class="stale-mark">stale</span> : null}
              </StatusBadge>
            ),
          },
          {
            head: 'What happened',
            cell: ({ kind, event_time: at }) => (
              <span>
                {kindText(kind)}, <Time at={at} timezone={timezone} />
              </span>
            ),
          },
          { head: 'Cause', cell: (entry) => <Cause entry={entry} spaceId={spaceId} canFollow={canFollow} /> },
          { head: 'Rule', cell: ({ rule }) => ruleText(rule) },
        ]}
        empty={
          <Empty title="Nothing changed in this time">
            <p>
              {before === null
                ? 'Nothing had been recorded of this space before, either. Choose another moment above.'
                : 'It showed the same all the while. Choose an earlier moment, or a longer time, above.'}
            </p>
          </Empty>
        }
        more={all.length > most ? { onMore: () => setMost(most + shownAtOnce), loading: false } : undefined}
      />
    </>
  )
}

function Cause({ entry, spaceId, canFollow }: { entry: Change; spaceId: string; canFollow: boolean }) {
  const { cause, recorded_at: at } = entry
  const { id, part, timer } = cause
  switch (cause.type) {
    case 'reading': {
      if (typeof id !== 'string' || !canFollow) return <>a message</>
      return <MessageLink mentioned={{ id, part: typeof part === 'number' ? part : 0, near: at, spaceId }} />
    }
    case 'reservation':
      return <>a reservation</>
    case 'user':
      return <>somebody</>
    case 'timer':
      return <>{typeof timer === 'string' ? `a timer (${timer.replaceAll('_', ' ')})` : 'a timer'}</>
    default:
      return <>{cause.type}</>
  }
}
