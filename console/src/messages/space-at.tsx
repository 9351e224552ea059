import { useState } from 'preact/hooks'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { chooseSpace } from './message-filter.ts'

/** A space by `tenant/site/space`: goes to its page, at the moment that is meant. Its id is asked for only then. */
export function SpaceAt({ path, at }: { path: string; at?: string }) {
  const { api, navigation } = useServices()
  const [gone, setGone] = useState(false)
  const text = path.split('/').slice(1).join('/')
  const go = async () => {
    try {
      const { items } = await bodyOf(api.search.$get({ query: { q: text } }))
      const found = chooseSpace(text, items)
      if ('id' in found) navigation.go(`/spaces/${found.id}${at === undefined ? '' : `?at=${encodeURIComponent(at)}`}`)
      else setGone(true)
    } catch {
      // Whoever is gone says so in the banner; the button is still there.
    }
  }
  return (
    <button
      type="button"
      class="opens"
      disabled={gone}
      title={gone ? 'There is no such space any more.' : undefined}
      onClick={() => void go()}
    >
      <bdi class="code">{text}</bdi>
    </button>
  )
}
