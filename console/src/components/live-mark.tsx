import { useServices } from '../services.ts'
import type { StreamState } from '../live/event-stream.ts'

const words: Readonly<Record<StreamState, { text: string; about: string }>> = {
  live: { text: 'Live', about: 'Changes are shown as they happen.' },
  connecting: { text: 'Connecting', about: 'Changes are not shown by themselves yet.' },
  lost: { text: 'Not live', about: 'Changes are not shown by themselves; it is tried again and again.' },
  off: { text: 'Not live', about: 'Changes are not shown by themselves: your role may not follow them.' },
}

/** Whether what is shown changes by itself. */
export function LiveMark() {
  const { live } = useServices()
  const state = live.state.value
  const { text, about } = words[state]
  return (
    <span class={`live-mark live-${state}`} role="status" title={about}>
      {text}
    </span>
  )
}
