import type { ComponentChildren } from 'preact'

/** Parts of a page, each with a URL of its own. */
export function Tabs({
  label,
  tabs,
}: {
  label: string
  tabs: readonly { href: string; title: ComponentChildren; here: boolean }[]
}) {
  return (
    <nav aria-label={label} class="tabs">
      <ul>
        {tabs.map(({ href, title, here }) => (
          <li key={href}>
            <a href={href} aria-current={here ? 'page' : undefined}>
              {title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}
