import { useEffect, useRef } from 'preact/hooks'
import type { SpaceEvent } from '../live/live.ts'
import { useServices } from '../services.ts'

/** What is told of reservations as it happens. */
const kinds = new Set(['reserved_soon', 'reserved', 'released', 'checked_in', 'no_show', 'contested', 'overstayed'])

/** Events that come together are read for once; those that come all the time not more often than so. */
const soonMs = 300
const oftenMs = 5000

/** Reads anew when something happens to a reservation of the site, or of any. */
export function useReservationEvents(siteId: string | undefined, reload: () => void): void {
  const { live } = useServices()
  const lastAt = useRef(-Infinity)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const turn = () => {
      timer = undefined
      lastAt.current = performance.now()
      reload()
    }
    const stop = live.follow({
      onEvent: (event: SpaceEvent) => {
        const isHere = siteId === undefined || event.site_id === null || event.site_id === siteId
        if (!isHere || !kinds.has(event.kind)) return
        timer ??= setTimeout(turn, Math.max(soonMs, lastAt.current + oftenMs - performance.now()))
      },
      onReset: reload,
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [siteId, reload])
}
