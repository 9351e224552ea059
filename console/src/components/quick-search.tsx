import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { StatusBadge } from '../status.tsx'

interface Hit {
  id: string
  code: string
  name: string
  status: string
}

/** Nobody types a code letter by letter slower than that. */
const typingMs = 250
const hitsShown = 12

/** Go to a space by its code: type, choose with the arrow keys, Enter. */
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
    if (!/^[\w.~-]{1,64}$/.test(wanted)) return setHits(wanted === '' ? undefined : [])
    const abort = new AbortController()
    const search = async () => {
      const query = { code_prefix: wanted, limit: String(hitsShown) }
      const { items } = await bodyOf(api.spaces.$get({ query }, { init: { signal: abort.signal } }))
      if (!abort.signal.aborted) setHits(items.map(({ state, ...space }) => ({ ...space, status: state.status })))
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
    navigation.go(`/spaces/${hit.id}`)
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
        maxLength={64}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKey}
        onBlur={() => setHits(undefined)}
      />
      <ul id={`${id}-hits`} role="listbox" aria-label="Spaces" hidden={!isOpen || hits.length === 0}>
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
            <code>{hit.code}</code> <bdi>{hit.name}</bdi> <StatusBadge status={hit.status} />
          </li>
        ))}
      </ul>
      {isOpen && hits.length === 0 ? (
        <p class="no-hits" role="status">
          No space has a code that begins so.
        </p>
      ) : null}
    </search>
  )
}
