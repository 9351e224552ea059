/** Server-sent events out of text that comes in pieces: https://html.spec.whatwg.org/multipage/server-sent-events.html. */
export interface ServerEvent {
  /** The place to come back to; the last one that was named. */
  id: string
  kind: string
  data: string
}

export interface SseHandlers {
  onEvent: (event: ServerEvent) => void
  /** An id without an event: only the place to come back to has moved. */
  onPlace?: (id: string) => void
}

/** A line that never ends is not collected for ever. */
const longestLine = 1_048_576

export class SseParser {
  readonly #handlers: SseHandlers
  #waiting: string[] = []
  #waitingLength = 0
  #afterReturn = false
  #id = ''
  #namedId = false
  #kind = ''
  #data: string[] = []

  constructor(handlers: SseHandlers) {
    this.#handlers = handlers
  }

  push(text: string): void {
    this.#waiting.push(text)
    this.#waitingLength += text.length
    // Only when a line may have ended: what is long comes in many pieces.
    if (/[\r\n]/.test(text) || this.#afterReturn) this.#split()
    if (this.#waitingLength > longestLine) throw new Error('a line of the stream is too long')
  }

  #split(): void {
    const lines = this.#waiting.join('').split(/\r\n|\n|\r(?!$)/)
    const rest = lines.pop() ?? ''
    this.#waiting = [rest]
    this.#waitingLength = rest.length
    // A line break of Windows may follow.
    this.#afterReturn = rest.endsWith('\r')
    for (const line of lines) this.#line(line)
  }

  #line(line: string): void {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.#data.push(value)
    else if (field === 'event') this.#kind = value
    else if (field === 'id' && !value.includes('\0')) {
      this.#id = value
      this.#namedId = true
    }
  }

  #dispatch(): void {
    const [data, kind, namedId] = [this.#data, this.#kind, this.#namedId]
    this.#data = []
    this.#kind = ''
    this.#namedId = false
    if (data.length > 0) this.#handlers.onEvent({ id: this.#id, kind: kind || 'message', data: data.join('\n') })
    else if (namedId) this.#handlers.onPlace?.(this.#id)
  }
}
