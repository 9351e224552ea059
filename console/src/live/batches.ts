import { useEffect } from 'preact/hooks'
import { useServices } from '../services.ts'
import type { SpaceEvent } from './live.ts'

/** Where much happens, what is shown moves no more often than one can read it. */
const movesMs = 1000

/** The changes of spaces, a second's at a time, for as long as the page is there. */
export function useBatches(onEvents: (events: readonly SpaceEvent[]) => void, onReset?: () => void): void {
  const { live } = useServices()
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let waiting: SpaceEvent[] = []
    const move = () => {
      timer = undefined
      const events = waiting
      waiting = []
      onEvents(events)
    }
    const stop = live.follow({
      onEvent: (event) => {
        waiting.push(event)
        timer ??= setTimeout(move, movesMs)
      },
      ...(onReset === undefined ? {} : { onReset }),
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [])
}
