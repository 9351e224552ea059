import { useState } from 'preact/hooks'
import { StatusBadge, isStatus, type Status } from '../status.tsx'
import type { ShownState } from './site-model.ts'
import type { SiteSpace } from './site-spaces.ts'

const rowsAtOnce = 100

/** What the plan shows, for the keyboard and for whoever hears the page; and to find a space by its name. */
export function SpaceList({
  spaces,
  states,
  shown,
  selected,
  onSelect,
}: {
  spaces: readonly SiteSpace[]
  states: ReadonlyMap<string, ShownState>
  shown: ReadonlySet<Status>
  selected: string | undefined
  onSelect: (spaceId: string) => void
}) {
  const [text, setText] = useState('')
  const [rows, setRows] = useState(rowsAtOnce)
  const wanted = text.trim().toLowerCase()
  const matching = spaces.filter(({ id, code, name }) => {
    const status = states.get(id)?.status ?? 'unknown'
    if (isStatus(status) && !shown.has(status)) return false
    return wanted === '' || code.toLowerCase().includes(wanted) || name.toLowerCase().includes(wanted)
  })
  return (
    <section class="space-list" aria-label="Spaces">
      <input
        type="search"
        aria-label="Filter by code or name"
        placeholder={`Filter ${spaces.length} spaces by code or name…`}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value)
          setRows(rowsAtOnce)
        }}
      />
      {matching.length === 0 ? (
        <p class="fine" role="status">
          No space of this level is like that. Change the text, or press a status of the legend again.
        </p>
      ) : (
        <ul>
          {matching.slice(0, rows).map(({ id, code }) => {
            const state = states.get(id)
            return (
              <li key={id}>
                <button type="button" class="space-row" aria-pressed={id === selected} onClick={() => onSelect(id)}>
                  <code title={code}>
                    <bdi>{code}</bdi>
                  </code>
                  <span>
                    <StatusBadge status={state?.status ?? 'unknown'} />
                    {state?.stale === true ? <span class="stale-mark">stale</span> : null}
                  </span>
                </button>
              </li>
            )
          })}
          {matching.length <= rows ? null : (
            <li>
              <button type="button" class="more" onClick={() => setRows(rows + rowsAtOnce)}>
                Show {Math.min(rowsAtOnce, matching.length - rows)} more of {matching.length - rows}
              </button>
            </li>
          )}
        </ul>
      )}
    </section>
  )
}
