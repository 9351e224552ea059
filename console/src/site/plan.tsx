import 'leaflet/dist/leaflet.css'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import type { Status } from '../status.tsx'
import { layOut, type PlacedSpace } from './floor-layout.ts'
import { PlanView, type PlanState } from './plan-view.ts'

/** The plan of one level; `PlanView` draws it. */
export function Plan({
  name,
  spaces,
  states,
  shown,
  selected,
  onSelect,
}: {
  /** Of what it is the plan, for whoever hears the page. */
  name: string
  spaces: readonly PlacedSpace[]
  states: ReadonlyMap<string, PlanState>
  shown: ReadonlySet<Status>
  selected: string | undefined
  onSelect: (spaceId: string) => void
}) {
  const container = useRef<HTMLDivElement>(null)
  const view = useRef<PlanView>(undefined)
  const select = useRef(onSelect)
  select.current = onSelect
  const layout = useMemo(() => layOut(spaces), [spaces])

  useLayoutEffect(() => {
    if (container.current === null) return
    const made = new PlanView(container.current, { onSelect: (id) => select.current(id) })
    view.current = made
    return () => made.remove()
  }, [])
  useLayoutEffect(() => view.current?.draw(spaces, layout), [spaces, layout])
  useEffect(() => {
    view.current?.select(selected)
    if (selected !== undefined) view.current?.reveal(selected)
  }, [selected, layout])
  // With each rendering: what has not changed costs a comparison.
  useLayoutEffect(() =>
    view.current?.show(
      (id) => states.get(id),
      (status) => shown.has(status),
    ),
  )

  return (
    <>
      <div
        ref={container}
        class="plan-map"
        role="group"
        aria-label={`${name}: ${spaces.length} spaces. Arrow keys move the plan, + and − zoom; the list of spaces has the same.`}
      />
      {layout.inRows === 0 ? null : (
        <p class="plan-note">
          {layout.inRows === spaces.length ? 'Nothing says' : `Of ${layout.inRows} spaces nothing says`} where the
          spaces are: they stand in rows by code. Give them <code>plan_x</code> and <code>plan_y</code>, or{' '}
          <code>lat</code> and <code>lon</code>.
        </p>
      )}
    </>
  )
}
