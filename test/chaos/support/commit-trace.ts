import type { Tap } from './cable.ts'

const typeOf = { dataRow: 0x44, commandComplete: 0x43 } as const
const headerBytes = 5

/**
 * Watches a cable that Postgres answers through, and notes when the COMMIT of each transaction returned. A transaction
 * is known by its id, which ingest asks for in it (`pg_current_xact_id`); any whole number that it was told may be that.
 */
export class CommitTrace implements Tap {
  readonly #committedAt = new Map<string, number>()
  readonly #links = new Map<number, { waiting: Buffer; numbers: string[] }>()

  /** When its COMMIT returned, in milliseconds. Undefined where it has not. */
  committedAt(transactionId: string): number | undefined {
    return this.#committedAt.get(transactionId)
  }

  onAnswer(number: number, bytes: Buffer): void {
    const link = this.#links.get(number) ?? { waiting: Buffer.alloc(0), numbers: [] }
    this.#links.set(number, link)
    let rest = link.waiting.length === 0 ? bytes : Buffer.concat([link.waiting, bytes])
    while (rest.length >= headerBytes) {
      const end = 1 + rest.readUInt32BE(1)
      if (rest.length < end) break
      this.#take(link, rest[0], rest.subarray(headerBytes, end))
      rest = rest.subarray(end)
    }
    link.waiting = rest
  }

  #take(link: { numbers: string[] }, type: number | undefined, body: Buffer): void {
    if (type === typeOf.dataRow) {
      const [columns, length] = [body.readUInt16BE(0), body.length >= 6 ? body.readInt32BE(2) : -1]
      const text = columns === 1 && length > 0 ? body.toString('latin1', 6, 6 + length) : ''
      if (/^\d+$/.test(text)) link.numbers.push(text)
    } else if (type === typeOf.commandComplete) {
      const command = body.toString('latin1', 0, body.length - 1)
      if (command === 'COMMIT') for (const id of link.numbers) this.#noteCommit(id)
      if (['BEGIN', 'COMMIT', 'ROLLBACK'].includes(command)) link.numbers = []
    }
  }

  #noteCommit(transactionId: string): void {
    if (!this.#committedAt.has(transactionId)) this.#committedAt.set(transactionId, performance.now())
  }
}
