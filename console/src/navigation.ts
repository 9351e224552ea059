import { signal, type ReadonlySignal } from '@preact/signals'

/** Where one is in the console: the URL of the browser. Ordinary links do; nothing needs to be said to follow them. */
export interface Place {
  path: string
  query: URLSearchParams
}

export class Navigation {
  readonly #place = signal<Place>(placeNow())
  readonly #isPage: (path: string) => boolean
  #moved = false

  /** @param isPage whether the console shows it; every other link is the browser's */
  constructor(isPage: (path: string) => boolean) {
    this.#isPage = isPage
    addEventListener('popstate', () => this.#arrive())
    document.addEventListener('click', (event) => this.#onClick(event))
  }

  get place(): ReadonlySignal<Place> {
    return this.#place
  }

  /** Somebody went from one page to another: what reads the page aloud is to begin at its heading. */
  get moved(): boolean {
    return this.#moved
  }

  go(href: string, { replace = false }: { replace?: boolean } = {}): void {
    if (replace) history.replaceState(null, '', href)
    else history.pushState(null, '', href)
    this.#arrive()
  }

  /** What of the page can be seen from its URL, such as filters; undefined or '' takes it out. */
  setQuery(changes: Record<string, string | undefined>): void {
    const query = new URLSearchParams(this.#place.peek().query)
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined || value === '') query.delete(name)
      else query.set(name, value)
    }
    const text = query.toString()
    this.go(`${location.pathname}${text === '' ? '' : `?${text}`}`, { replace: true })
  }

  #arrive(): void {
    const before = this.#place.peek().path
    const place = placeNow()
    if (place.path !== before) {
      this.#moved = true
      scrollTo(0, 0)
    }
    this.#place.value = place
  }

  #onClick(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!(link instanceof HTMLAnchorElement) || link.target !== '' || link.hasAttribute('download')) return
    const isInside = link.origin === location.origin && link.hash === '' && this.#isPage(link.pathname)
    if (!isInside) return
    event.preventDefault()
    this.go(link.pathname + link.search)
  }
}

function placeNow(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) }
}
