/** Where a message of the log is looked at. */
export interface MessageLink {
  id: string
  part: number
  /** About when it arrived. */
  at: string
  topic?: string | undefined
  spaceId?: string | undefined
}

const aroundMs = 60_000

/** The search for what arrived about then, with this one opened. */
export function messageHref({ id, part, at, topic, spaceId }: MessageLink): string {
  const atMs = Date.parse(at)
  const query = new URLSearchParams({
    tab: 'search',
    reading: `${id}.${part}`,
    from: new Date(atMs - aroundMs).toISOString(),
    to: new Date(atMs + aroundMs).toISOString(),
  })
  if (topic !== undefined) query.set('topic', topic)
  else if (spaceId !== undefined) query.set('space_id', spaceId)
  return `/messages?${query.toString()}`
}
