import { useState } from 'preact/hooks'
import { useLoaded } from '../components/loaded.ts'
import { ErrorNote, Show } from '../components/states.tsx'
import { countOf } from '../numbers.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import type { MessageFilter } from './message-filter.ts'
import { EarlierRedrives } from './redrive-list.tsx'
import { RedrivePanel } from './redrive-panel.tsx'
import { lettersOf, useAsk, type Redrive } from './redrive-request.ts'

const listed = '20'

/** Dead letters once more: counted first, then done, and how that goes on. */
export function RedriveSection({
  filter,
  total,
  onDone,
}: {
  filter: MessageFilter
  /** How many letters fit the filter. */
  total: number | undefined
  /** One that was executed has come to its end. */
  onDone: () => void
}) {
  const { api, session, navigation } = useServices()
  const shownId = navigation.place.value.query.get('redrive') ?? ''
  const earlier = useLoaded(
    (signal) => bodyOf(api.redrives.$get({ query: { limit: listed } }, { init: { signal } })),
    [],
  )
  const [error, setError] = useState<Error>()
  const [busy, setBusy] = useState(false)
  const ask = useAsk()
  const dryRun = async () => {
    setBusy(true)
    setError(undefined)
    try {
      await ask({ filter: lettersOf(filter), execute: false })
      earlier.reload()
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown : new Error(String(thrown)))
    }
    setBusy(false)
  }
  const onEnd = (redrive: Redrive) => {
    earlier.reload()
    if (redrive.execute) onDone()
  }
  const mayRedrive = session.may('readings:redrive')
  if (total === 0 && shownId === '' && earlier.data?.items.length === 0) return null
  return (
    <section aria-labelledby="redrive" class="redrive">
      <div class="section-heading">
        <h2 id="redrive">Redrive</h2>
        <span class="fine">as if they arrived when they did, in the order of arrival</span>
      </div>
      {mayRedrive ? (
        <div class="tail-bar">
          <button
            type="button"
            class="primary"
            disabled={busy || total === 0 || total === undefined}
            onClick={() => void dryRun()}
          >
            {busy ? 'Asking…' : 'Try it without changing anything'}
          </button>
          <span class="fine">
            {total === 0
              ? 'There is none to redrive.'
              : `Says first what would become of ${total === undefined ? 'them' : `the ${countOf(total, 'letter')}`} that this filter takes.`}
          </span>
        </div>
      ) : (
        <p class="fine">
          To redrive letters your role lacks the permission <code>readings:redrive</code>.
        </p>
      )}
      {error === undefined ? null : <ErrorNote error={error} />}
      {shownId === '' ? null : (
        <RedrivePanel key={shownId} id={shownId} ask={ask} mayRedrive={mayRedrive} onEnd={onEnd} />
      )}
      <Show loaded={earlier}>
        {({ items }) => <EarlierRedrives items={items.filter(({ id }) => id !== shownId)} />}
      </Show>
    </section>
  )
}
