import type { InferResponseType } from 'hono/client'
import { useState } from 'preact/hooks'
import type { BaywireClient } from '../../../src/api/client.ts'
import { Empty } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import { counted, countOf } from '../numbers.ts'
import { outcomeFaces, outcomes } from '../outcomes.ts'
import { StatusBadge } from '../status.tsx'
import { SpaceAt } from './space-at.tsx'

export type Report = InferResponseType<BaywireClient['api']['v1']['replays']['dry-run']['$post'], 200>

const shownAtOnce = 100

/** What a dry run came to. */
export function DryRunReport({
  report,
  isOld,
  hasPolicy,
}: {
  report: Report
  /** Something else is asked for by now. */
  isOld: boolean
  hasPolicy: boolean
}) {
  const { transitions } = report
  const differs = transitions.removed + transitions.added + report.disagreement_minutes + report.changed_outcomes > 0
  return (
    <section aria-labelledby="report" class={isOld ? 'report reads-anew' : 'report'}>
      <div class="section-heading">
        <h2 id="report">What it came to</h2>
        <span class="fine">
          {countOf(report.readings, 'reading')}, {countOf(report.spaces, 'space')}, {countOf(report.inputs, 'input')}{' '}
          folded
        </span>
      </div>
      {isOld ? <p class="note">This is of what was asked for before: run it again.</p> : null}
      {differs ? null : (
        <p class="note">
          {hasPolicy ? 'This policy would have changed nothing.' : 'Nothing differs from what was recorded.'}
        </p>
      )}
      <ul class="figures">
        <Figure
          count={transitions.remaining}
          label="remain"
          about={`of ${countOf(transitions.recorded, 'transition')}`}
        />
        <Figure count={transitions.removed} label="disappear" about="would not have been" />
        <Figure count={transitions.added} label="are new" about="were not recorded" />
        <Figure
          count={report.disagreement_minutes}
          label={report.disagreement_minutes === 1 ? 'minute' : 'minutes'}
          about="in which something else was shown"
        />
      </ul>
      <Caveats report={report} />
      {report.by_space.length === 0 ? null : <BySpace items={report.by_space} />}
      {report.changes.length === 0 ? null : <Changes report={report} />}
      {report.no_shows === null ? null : <NoShows noShows={report.no_shows} />}
      <Outcomes {...report.outcomes} />
    </section>
  )
}

function Figure({ count, label, about }: { count: number; label: string; about: string }) {
  return (
    <li>
      <span class="figure">{counted(count)}</span> <span>{label}</span>
      <span class="fine">{about}</span>
    </li>
  )
}

function Caveats({ report }: { report: Report }) {
  const caveats = [
    report.missing_inputs > 0
      ? `${countOf(report.missing_inputs, 'input')} should be in the log and ${report.missing_inputs === 1 ? 'is' : 'are'} not: run baywire replay --verify.`
      : '',
    report.not_folded > 0
      ? `${countOf(report.not_folded, 'reading')} could not be folded: what they follow is not kept, or arrived later.`
      : '',
    report.readable_now > 0 ? `${countOf(report.readable_now, 'reading')} could not be read then and can be now.` : '',
  ].filter((text) => text !== '')
  return (
    <>
      {caveats.map((text) => (
        <p key={text} class="mark mark-warning caveat">
          {text}
        </p>
      ))}
    </>
  )
}

function BySpace({ items }: { items: Report['by_space'] }) {
  const [more, shown] = useSome(items)
  return (
    <>
      <h3>Spaces that differ ({counted(items.length)})</h3>
      <Table
        caption="Spaces that differ"
        items={shown}
        keyOf={({ space }) => space}
        more={more}
        columns={[
          { head: 'Space', cell: ({ space }) => <SpaceAt path={space} /> },
          { head: 'Recorded', cell: ({ recorded }) => counted(recorded), numeric: true },
          { head: 'Disappear', cell: ({ removed }) => counted(removed), numeric: true },
          { head: 'New', cell: ({ added }) => counted(added), numeric: true },
          {
            head: 'Minutes of disagreement',
            cell: ({ disagreement_minutes: minutes }) => counted(minutes),
            numeric: true,
          },
        ]}
      />
    </>
  )
}

function Changes({ report: { changes, changes_not_listed: notListed } }: { report: Report }) {
  const [more, shown] = useSome(changes)
  return (
    <>
      <h3>Transitions that differ ({counted(changes.length + notListed)})</h3>
      <Table
        caption="Transitions that differ, in the order of time"
        items={shown}
        keyOf={({ space, change, kind, event_time: at }) => `${space} ${change} ${kind} ${at}`}
        more={more}
        columns={[
          { head: 'When', cell: ({ event_time: at }) => <Time at={at} /> },
          { head: 'Space', cell: ({ space, event_time: at }) => <SpaceAt path={space} at={at} /> },
          {
            head: 'Transition',
            cell: ({ change, kind }) => (
              <span class={change === 'removed' ? 'mark mark-warning' : 'mark mark-good'}>
                {change === 'removed' ? 'disappears' : 'new'}: {kind.replaceAll('_', ' ')}
              </span>
            ),
          },
          { head: 'To', cell: ({ status }) => <StatusBadge status={status} /> },
        ]}
      />
      {notListed === 0 ? null : <p class="fine">{counted(notListed)} more are not listed; narrow the filter.</p>}
    </>
  )
}

function NoShows({ noShows: { added, removed, untold } }: { noShows: NonNullable<Report['no_shows']> }) {
  const items = [
    ...added.map((row) => ({ ...row, change: 'would have become one' })),
    ...removed.map((row) => ({ ...row, change: 'would not have been one' })),
  ]
  return (
    <>
      <h3>No-shows</h3>
      <Table
        caption="Reservations whose no-show differs"
        items={items}
        keyOf={({ reservation, change }) => `${reservation} ${change}`}
        empty={<p class="none">No reservation of that time would have become a no-show, or been spared it.</p>}
        columns={[
          { head: 'Begins', cell: ({ start }) => <Time at={start} /> },
          { head: 'Space', cell: ({ space, at }) => <SpaceAt path={space} at={at} /> },
          { head: 'No-show', cell: ({ change }) => change },
          { head: 'When', cell: ({ at }) => <Time at={at} /> },
        ]}
      />
      {untold === 0 ? null : (
        <p class="fine">Of {countOf(untold, 'reservation')} the log does not say enough to tell.</p>
      )}
    </>
  )
}

function Outcomes({ recorded, replayed }: Report['outcomes']) {
  const items = outcomes.filter((outcome) => (recorded[outcome] ?? 0) + (replayed[outcome] ?? 0) > 0)
  if (items.length === 0) return <Empty title="No reading had an outcome" />
  return (
    <>
      <h3>What became of the readings</h3>
      <Table
        caption="What became of the readings"
        items={items}
        keyOf={(outcome) => outcome}
        columns={[
          { head: 'Outcome', cell: (outcome) => outcomeFaces[outcome].label },
          { head: 'Recorded', cell: (outcome) => counted(recorded[outcome] ?? 0), numeric: true },
          { head: 'In the dry run', cell: (outcome) => counted(replayed[outcome] ?? 0), numeric: true },
        ]}
      />
    </>
  )
}

/** A long list is shown by parts. */
function useSome<T>(items: readonly T[]): [{ onMore: () => void; loading: boolean } | undefined, readonly T[]] {
  const [most, setMost] = useState(shownAtOnce)
  const more = items.length > most ? { onMore: () => setMost(most + shownAtOnce), loading: false } : undefined
  return [more, items.slice(0, most)]
}
