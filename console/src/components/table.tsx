import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Empty } from './states.tsx'

export interface Column<T> {
  head: string
  cell: (item: T) => ComponentChildren
  /** Figures stand under each other. */
  numeric?: boolean
}

/**
 * A table. On a narrow screen each row becomes a block that names its columns, so that nothing is scrolled to and fro.
 */
export function Table<T>({
  caption,
  columns,
  items,
  keyOf,
  empty,
  more,
}: {
  /** For whoever hears the page; it is not shown. */
  caption: string
  columns: readonly Column<T>[]
  items: readonly T[]
  keyOf: (item: T) => string
  /** In place of the table where there are none. */
  empty?: ComponentChildren
  /** Reads the next page, where there is one. */
  more?: { onMore: () => void; loading: boolean } | undefined
}) {
  const frame = useRef<HTMLDivElement>(null)
  const [scrolls, setScrolls] = useState(false)
  useLayoutEffect(() => {
    const { scrollWidth = 0, clientWidth = 0 } = frame.current ?? {}
    setScrolls(scrollWidth > clientWidth)
  })
  if (items.length === 0) return <>{empty ?? <Empty title="There is nothing here" />}</>
  return (
    // What is wider than the page is scrolled by keyboard, too.
    <div class="table-frame" ref={frame} tabIndex={scrolls ? 0 : undefined}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ head, numeric }) => (
              <th key={head} scope="col" class={numeric === true ? 'numeric' : undefined}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={keyOf(item)}>
              {columns.map(({ head, cell, numeric }) => (
                <td key={head} data-head={head} class={numeric === true ? 'numeric' : undefined}>
                  {cell(item)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {more === undefined ? null : (
        <button type="button" class="more" onClick={more.onMore} disabled={more.loading}>
          {more.loading ? 'Reading…' : 'Show more'}
        </button>
      )}
    </div>
  )
}
