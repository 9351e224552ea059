import type { ComponentChildren } from 'preact'
import { messageUrl } from '../messages/message-filter.ts'
import { bodyOf, type Requests } from '../requests/requests.ts'
import { useServices } from '../services.ts'

/** A message of which it is not known when it arrived: some time before `near`, when it was made use of. */
export interface Mentioned {
  id: string
  part: number
  near: string
  spaceId: string
}

const beforeMs = 600_000
const afterMs = 60_000

/**
 * Opens the message in the log. That is found by arrival: it is looked for when it is wanted, and where that fails the log of
 * the space about then is shown.
 */
export function MessageLink({ mentioned, children }: { mentioned: Mentioned; children?: ComponentChildren }) {
  const { api, navigation } = useServices()
  const { id, spaceId } = mentioned
  const { from, to } = around(mentioned)
  const search = `/messages?${new URLSearchParams({ tab: 'search', space: spaceId, from, to }).toString()}`
  const open = async () => navigation.go((await find(api, mentioned).catch(() => undefined)) ?? search)
  return (
    <a
      href={search}
      title={id}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
        event.preventDefault()
        void open()
      }}
    >
      {children ?? `message ${id.slice(-6)}`}
    </a>
  )
}

async function find(api: Requests['api'], mentioned: Mentioned): Promise<string | undefined> {
  const { id, part, spaceId } = mentioned
  const query = { space_id: spaceId, limit: '1000', ...around(mentioned) }
  const { items } = await bodyOf(api.readings.$get({ query }))
  const found = items.find((reading) => reading.id === id && reading.part === part)
  return found === undefined ? undefined : messageUrl({ id, part, arrival: found.clocks.arrival })
}

function around({ near }: Mentioned): { from: string; to: string } {
  const atMs = Date.parse(near)
  return { from: new Date(atMs - beforeMs).toISOString(), to: new Date(atMs + afterMs).toISOString() }
}

/** Ids of messages begin with the time at which they were made (UUIDv7): about that of their arrival. */
export function timeOfId(id: string): string {
  return new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toISOString()
}
