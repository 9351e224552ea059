import type { RecordedEvent, RecordedState } from '../store/events.ts'

/** An event as those outside see it, whichever way it comes to them. */
export interface EventBody {
  /** The cursor of the event. */
  id: string
  kind: string
  event_time: string
  recorded_at: string
  /** These three are null together: the space is not there any more. */
  site_id: string | null
  site: string | null
  space: string | null
  space_id: string
  cause: { type: string; id?: string }
  rule: string
  state: RecordedState
}

export function eventBody(event: RecordedEvent, id: string): EventBody {
  return {
    id,
    kind: event.kind,
    event_time: event.eventTime.toISOString(),
    recorded_at: event.recordedAt.toISOString(),
    site_id: event.siteId,
    site: event.site,
    space_id: event.spaceId,
    space: event.space,
    cause: causeOf(event.cause),
    rule: event.rule,
    state: event.state,
  }
}

/** Who did it is for those who may read the audit log. */
function causeOf({ type, id }: RecordedEvent['cause']): EventBody['cause'] {
  return type === 'user' || id === undefined ? { type } : { type, id }
}

/** An event in the forms in which it is sent, each made once for all who get it, and not before somebody does. */
export class EncodedEvent {
  readonly event: RecordedEvent
  readonly #cursorOf: (position: number) => string
  #body: { id: string; json: string } | undefined
  #sse: Buffer | undefined
  #message: Buffer | undefined

  constructor(event: RecordedEvent, cursorOf: (position: number) => string) {
    this.event = event
    this.#cursorOf = cursorOf
  }

  get position(): number {
    return this.event.position
  }

  /** JSON has no line breaks, and neither have kinds and cursors: an event cannot be broken in two. */
  get sse(): Buffer {
    if (this.#sse === undefined) {
      const { id, json } = this.#made()
      this.#sse = Buffer.from(`id: ${id}\nevent: ${this.event.kind}\ndata: ${json}\n\n`)
    }
    return this.#sse
  }

  get message(): Buffer {
    this.#message ??= Buffer.from(`{"type":"event","event":${this.#made().json}}`)
    return this.#message
  }

  #made(): { id: string; json: string } {
    if (this.#body === undefined) {
      const id = this.#cursorOf(this.event.position)
      this.#body = { id, json: JSON.stringify(eventBody(this.event, id)) }
    }
    return this.#body
  }
}

/** Events that are sent in one go, in order. */
export class Batch {
  readonly events: readonly EncodedEvent[]
  #sse: Buffer | undefined

  constructor(events: readonly EncodedEvent[]) {
    this.events = events
  }

  get sse(): Buffer {
    this.#sse ??=
      this.events.length === 1 && this.events[0] !== undefined
        ? this.events[0].sse
        : Buffer.concat(this.events.map((event) => event.sse))
    return this.#sse
  }
}
