import type { RecordedEvent } from '../store/events.ts'

/** What of a tenant somebody follows: all of it, one site, or one space. Ids are in lower case. */
export type Room = 'tenant' | `site:${string}` | `space:${string}`

const roomPattern = /^(?:tenant|(?:site|space):[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$/

/** Undefined for what names no room. Whether there is such a site or space is not asked: of others nothing is ever heard. */
export function readRoom(text: string): Room | undefined {
  const room = text.toLowerCase()
  return roomPattern.test(room) ? (room as Room) : undefined
}

export function roomOf({ siteId, spaceId }: { siteId?: string | undefined; spaceId?: string | undefined }): Room {
  if (spaceId !== undefined) return `space:${spaceId}`
  return siteId === undefined ? 'tenant' : `site:${siteId}`
}

/** The rooms that an event is heard in. */
export function roomsOf({ siteId, spaceId }: Pick<RecordedEvent, 'siteId' | 'spaceId'>): Room[] {
  return siteId === null ? ['tenant', `space:${spaceId}`] : ['tenant', `site:${siteId}`, `space:${spaceId}`]
}

/** Where the states of a room are read anew, by whoever cannot be told what happened since. */
export function snapshotUrl(room: Room): string {
  const [kind, id] = room.split(':')
  if (kind === 'space') return `/api/v1/spaces/${id}`
  return kind === 'site' ? `/api/v1/spaces?limit=1000&site_id=${id}` : '/api/v1/spaces?limit=1000'
}
