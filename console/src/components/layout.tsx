import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { pages } from '../pages.tsx'
import { useServices } from '../services.ts'
import type { Me } from '../session/session.ts'
import { AccountMenu } from './account-menu.tsx'
import { LiveMark } from './live-mark.tsx'
import { QuickSearch } from './quick-search.tsx'

/** What stands around every page. */
export function Layout({ me, children }: { me: Me; children: ComponentChildren }) {
  const { navigation, session } = useServices()
  const [open, setOpen] = useState(false)
  const { path } = navigation.place.value
  useEffect(() => setOpen(false), [path])
  const listed = pages.filter(({ listed: isListed, permission }) => isListed && session.may(permission))
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="/">
          Baywire
        </a>
        <button
          type="button"
          class="menu-button"
          aria-expanded={open}
          aria-controls="navigation"
          onClick={() => setOpen(!open)}
        >
          Menu
        </button>
        <nav id="navigation" aria-label="Pages" class={open ? 'open' : undefined}>
          <ul>
            {listed.map(({ path: to, title }) => (
              <li key={to}>
                <a href={to} aria-current={isAt(path, to) ? 'page' : undefined}>
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="top-end">
          {session.may('places:read') ? <QuickSearch /> : null}
          <LiveMark />
          <AccountMenu me={me} />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  )
}

function isAt(path: string, to: string): boolean {
  return path === to || (to !== '/' && path.startsWith(`${to}/`)) || (to === '/sites' && path.startsWith('/spaces/'))
}
