import { usePaged } from '../components/paged.ts'
import { Empty, ErrorNote, Loading } from '../components/states.tsx'
import { outcomes } from '../outcomes.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { fieldErrors } from './errors.ts'
import { FilterForm } from './filter-form.tsx'
import { apiQuery, filterOf } from './message-filter.ts'
import { OpenedReading, useOpenReading } from './opened-reading.tsx'
import { ReadingTable } from './reading-table.tsx'
import { useSpaceChoice } from './space-choice.ts'
import { keyOfReading } from './tail.ts'
import type { Reading } from './tail-follower.ts'

/** The log of readings. */
export function Search() {
  const { api, navigation } = useServices()
  const filter = filterOf(navigation.place.value.query)
  const space = useSpaceChoice(filter.space)
  const query = apiQuery(filter, { spaceId: space.id })
  const canSearch = space.ready && space.error === undefined
  const { loaded, more } = usePaged(
    async (cursor, signal): Promise<{ items: Reading[]; next: string | null }> => {
      if (!canSearch) return { items: [], next: null }
      return await bodyOf(
        api.readings.$get({ query: { ...query, ...(cursor ? { cursor } : {}) } }, { init: { signal } }),
      )
    },
    [JSON.stringify(query), canSearch],
  )
  const { errors, rest } = fieldErrors(loaded.error)
  if (space.error !== undefined) errors.space = space.error
  const open = useOpenReading()
  const isWrong = Object.keys(errors).length > 0
  return (
    <>
      <FilterForm offered={outcomes} period errors={errors} action="Search" onApply={loaded.reload} />
      {rest === undefined ? null : <ErrorNote error={rest} onRetry={loaded.reload} />}
      {isWrong ? null : loaded.data === undefined || !canSearch ? (
        rest === undefined ? (
          <Loading what="Searching" />
        ) : null
      ) : (
        <Results
          items={loaded.data}
          more={more}
          loading={loaded.loading}
          hasPeriod={filter.from !== ''}
          onOpen={open}
        />
      )}
      <OpenedReading listed={loaded.data ?? []} />
    </>
  )
}

function Results({
  items,
  more,
  loading,
  hasPeriod,
  onOpen,
}: {
  items: readonly Reading[]
  more: { onMore: () => void; loading: boolean } | undefined
  loading: boolean
  hasPeriod: boolean
  onOpen: (reading: Reading) => void
}) {
  const older =
    more === undefined ? null : (
      <button type="button" class="more" onClick={more.onMore} disabled={more.loading}>
        {more.loading ? 'Searching…' : 'Show older ones'}
      </button>
    )
  if (items.length === 0) {
    return (
      <Empty title={more === undefined ? 'No reading fits' : 'None was found yet'}>
        <p>
          {more === undefined
            ? hasPeriod
              ? 'Widen the time or the filter. What is older than the retention of the log is not kept.'
              : 'These were the last 24 hours: say from when on to search further back, or widen the filter.'
            : 'The log is long, and is searched for some seconds at a time.'}
        </p>
        {older}
      </Empty>
    )
  }
  const rows = items.map((reading) => ({ kind: 'reading' as const, key: keyOfReading(reading), reading }))
  return (
    <div class={loading ? 'reads-anew' : undefined}>
      <ReadingTable caption="Readings that were found, the newest first" rows={rows} onOpen={onOpen}>
        {older ?? (
          <p class="list-end fine">
            {hasPeriod ? 'That is all.' : 'That is all of the last 24 hours: say from when on to search further back.'}
          </p>
        )}
      </ReadingTable>
    </div>
  )
}
