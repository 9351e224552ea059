import type { InferResponseType } from 'hono/client'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { BaywireClient } from '../../../src/api/client.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { StatusBadge } from '../status.tsx'

type Hit = InferResponseType<BaywireClient['api']['v1']['search']['$get'], 200>['items'][number]

/** Nobody types a code letter by letter slower than that. */
const typingMs = 250
const longest = 100

/** Go to a space, or a device, by its code or name: type, choose with the arrow keys, Enter. */
export function QuickSearch() {
  const { api, navigation } = useServices()
  const [text, setText] = useState('')
  const [hits, setHits] = useState<readonly Hit[]>()
  const [chosen, setChosen] = useState(0)
  const input = useRef<HTMLInputElement>(null)
  const id = useId()

  useEffect(() => {
    const wanted = text.trim()
    setChosen(0)
    if (wanted === '') return setHits(undefined)
    const abort = new AbortController()
    const search = async () => {
      const { items } = await bodyOf(api.search.$get({ query: { q: wanted } }, { init: { signal: abort.signal } }))
      if (!abort.signal.aborted) setHits(items)
    }
    const timer = setTimeout(() => void search().catch(() => {}), typingMs)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [text])

  const go = (hit: Hit | undefined) => {
    if (hit === undefined) return
    setText('')
    setHits(undefined)
    input.current?.blur()
    navigation.go(`/${hit.kind}s/${hit.id}`)
  }
  const onKey = (event: KeyboardEvent) => {
    const count = hits?.length ?? 0
    if (event.key === 'Escape') setText('')
    else if (event.key === 'Enter') go(hits?.[chosen])
    else if (event.key === 'ArrowDown' && count > 0) setChosen((chosen + 1) % count)
    else if (event.key === 'ArrowUp' && count > 0) setChosen((chosen + count - 1) % count)
    else return
    event.preventDefault()
  }
  const isOpen = hits !== undefined
  return (
    <search class="quick-search">
      <input
        ref={input}
        type="text"
        role="combobox"
        aria-label="Go to space"
        placeholder="Go to space…"
        aria-expanded={isOpen}
        aria-controls={`${id}-hits`}
        aria-autocomplete="list"
        aria-activedescendant={isOpen && hits.length > 0 ? `${id}-${chosen}` : undefined}
        autocomplete="off"
        spellcheck={false}
        maxLength={longest}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKey}
        onBlur={() => setHits(undefined)}
      />
      <ul id={`${id}-hits`} role="listbox" aria-label="Found" hidden={!isOpen || hits.length === 0}>
        {hits?.map((hit, index) => (
          <li
            key={hit.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === chosen}
            // Before the field loses the focus.
            onMouseDown={(event) => {
              event.preventDefault()
              go(hit)
            }}
          >
            <code>{hit.code}</code>
            {hit.kind === 'space' ? <SpaceHit hit={hit} /> : <span class="fine">device {hit.space ?? ''}</span>}
          </li>
        ))}
      </ul>
      {isOpen && hits.length === 0 ? (
        <p class="no-hits" role="status">
          Nothing is called so.
        </p>
      ) : null}
    </search>
  )
}

function SpaceHit({ hit }: { hit: Extract<Hit, { kind: 'space' }> }) {
  return (
    <>
      <span class="fine">
        <bdi>{hit.site}</bdi>
        {hit.name === hit.code ? null : (
          <>
            {' '}
            · <bdi>{hit.name}</bdi>
          </>
        )}
      </span>
      <StatusBadge status={hit.status} />
    </>
  )
}
