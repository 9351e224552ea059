import type { InferResponseType } from 'hono/client'
import { useState } from 'preact/hooks'
import type { BaywireClient } from '../../../src/api/client.ts'
import { useLoaded } from '../components/loaded.ts'
import { usePaged } from '../components/paged.ts'
import { Empty, ErrorNote, Loading, Show } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import { counted, countOf } from '../numbers.ts'
import { OutcomeMark } from '../outcome-mark.tsx'
import type { Outcome } from '../outcomes.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { OpenedLetter } from './opened-letter.tsx'
import { fieldErrors } from './errors.ts'
import { FilterForm } from './filter-form.tsx'
import { apiQuery, filterOf, type MessageFilter } from './message-filter.ts'
import { deadOutcomes } from './redrive-request.ts'
import { RedriveSection } from './redrive-section.tsx'

export type Letter = InferResponseType<BaywireClient['api']['v1']['dead-letters']['$get'], 200>['items'][number]
type Counts = InferResponseType<BaywireClient['api']['v1']['dead-letters']['counts']['$get'], 200>

/** Those that it offers here: of others there are no dead letters. */
function deadFilter(filter: MessageFilter): MessageFilter {
  return { ...filter, outcomes: deadOutcomes.filter((outcome) => filter.outcomes.includes(outcome)) }
}

/** Readings that had no effect: how many and why, which, and what to do about it. */
export function DeadLetters() {
  const { api, navigation } = useServices()
  const filter = deadFilter(filterOf(navigation.place.value.query))
  const query = apiQuery(filter)
  const deps = [JSON.stringify(query)]
  const [turn, setTurn] = useState(0)
  const counts = useLoaded(
    (signal) => bodyOf(api['dead-letters'].counts.$get({ query }, { init: { signal } })),
    [...deps, turn],
  )
  const list = usePaged(
    (cursor, signal) => {
      const page = { ...query, ...(cursor ? { cursor } : {}) }
      return bodyOf(api['dead-letters'].$get({ query: page }, { init: { signal } }))
    },
    [...deps, turn],
  )
  const readAnew = () => setTurn((before) => before + 1)
  const { errors, rest } = fieldErrors(counts.error)
  const isWrong = Object.keys(errors).length > 0
  return (
    <>
      <FilterForm offered={deadOutcomes} period space={false} errors={errors} action="Show" onApply={readAnew} />
      {rest === undefined ? null : <ErrorNote error={rest} onRetry={readAnew} />}
      {isWrong ? null : (
        <>
          {counts.data === undefined ? <Loading what="Counting" /> : <CountTable counts={counts.data} />}
          <RedriveSection filter={filter} total={counts.data?.total} onDone={readAnew} />
          {counts.data?.total === 0 ? null : <LetterList list={list} />}
        </>
      )}
      <OpenedLetter />
    </>
  )
}

function CountTable({ counts: { items, total } }: { counts: Counts }) {
  if (total === 0) {
    return (
      <Empty title="There are no dead letters here">
        <p>Every reading that fits this filter had its effect, or none that is missing. There is nothing to do.</p>
      </Empty>
    )
  }
  return (
    <section aria-labelledby="letter-counts" class="letters">
      <div class="section-heading">
        <h2 id="letter-counts">{countOf(total, 'dead letter')}</h2>
        <span class="fine">readings that had no effect, and may have one once the cause is mended</span>
      </div>
      <Table
        caption="Dead letters by what is wrong"
        items={items}
        keyOf={({ outcome, reason }) => `${outcome} ${reason ?? ''}`}
        columns={[
          { head: 'What is wrong', cell: ({ outcome }) => <OutcomeMark outcome={outcome} /> },
          { head: 'Why', cell: ({ reason }) => <Reason reason={reason} /> },
          { head: 'What to do', cell: ({ outcome }) => <Mend outcome={outcome} /> },
          { head: 'Letters', cell: ({ count }) => counted(count), numeric: true },
        ]}
      />
    </section>
  )
}

function Reason({ reason }: { reason: string | null }) {
  return reason === null ? <span class="none">–</span> : <bdi class="reason">{reason}</bdi>
}

function Mend({ outcome }: { outcome: Outcome }) {
  if (outcome === 'unknown_device') {
    return (
      <span>
        Claim the device in the <a href="/devices?tab=orphans">orphan inbox</a>, then redrive
      </span>
    )
  }
  if (outcome === 'unassigned') {
    return (
      <span>
        Put the device at a <a href="/devices?state=nowhere">space</a>, then redrive
      </span>
    )
  }
  if (outcome === 'retained') return <span>Let it send without the retain flag</span>
  return <span>Correct what sends it</span>
}

function LetterList({ list: { loaded, more } }: { list: ReturnType<typeof usePaged<Letter>> }) {
  const { navigation } = useServices()
  return (
    <section aria-labelledby="letters" class="letters">
      <div class="section-heading">
        <h2 id="letters">Letters</h2>
      </div>
      <Show loaded={loaded}>
        {(items) => (
          <Table
            caption="Dead letters, the newest first"
            items={items}
            keyOf={({ id, part }) => `${id}.${part}`}
            more={more}
            empty={
              <Empty title={more === undefined ? 'None is left' : 'None was found yet'}>
                {more === undefined ? null : (
                  <button type="button" onClick={more.onMore} disabled={more.loading}>
                    Search further back
                  </button>
                )}
              </Empty>
            }
            columns={[
              {
                head: 'Arrived',
                cell: ({ id, received_at: at }) => (
                  <button type="button" class="opens" onClick={() => navigation.setQuery({ open: id })}>
                    <span class="unseen">Open the message of </span>
                    <Time at={at} />
                  </button>
                ),
              },
              {
                head: 'Device',
                cell: ({ device }) =>
                  device === null ? <span class="none">unknown</span> : <bdi class="code">{device}</bdi>,
              },
              {
                head: 'What is wrong',
                cell: ({ outcome, reason }) => (
                  <div>
                    <OutcomeMark outcome={outcome} /> <bdi class="fine">{reason}</bdi>
                  </div>
                ),
              },
              {
                head: 'Redriven',
                cell: ({ attempts, last_outcome: last }) =>
                  attempts === 0 ? (
                    <span class="none">never</span>
                  ) : (
                    <div>
                      {countOf(attempts, 'time')}
                      {last === null ? '' : ', last: '}
                      {last === null ? null : <OutcomeMark outcome={last} />}
                    </div>
                  ),
              },
              { head: 'Topic', cell: ({ topic }) => <bdi class="code topic">{topic}</bdi> },
            ]}
          />
        )}
      </Show>
    </section>
  )
}
