import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { useServices } from '../services.ts'

/** The heading of a page: its title in the browser, and where one is put who came here from another page. */
export function PageHeading({ title, children }: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null)
  const { navigation } = useServices()
  useEffect(() => {
    document.title = `${title} · Baywire`
  }, [title])
  useEffect(() => {
    if (navigation.moved) heading.current?.focus({ preventScroll: true })
  }, [])
  return (
    <div class="page-heading">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </div>
  )
}
