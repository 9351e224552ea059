import { createHash } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { BaywireError, describeError } from '../../errors.ts'
import type { Position } from '../../replay/publish.ts'

/**
 * How far a replay onto a broker came: a file that is written while it runs, each time whole, and is gone once all is
 * acknowledged. It belongs to one selection and one target. What was sent behind the last position that it holds is sent
 * again, as MQTT does it too: at least once.
 */
const contentSchema = z.object({
  baywire_replay: z.literal(1),
  of: z.string(),
  received_at: z.iso.datetime().transform((text) => Date.parse(text)),
  id: z.uuid(),
})

const advice = 'give the file of this very replay, or a name that is not taken'

export class ResumeFile {
  readonly path: string
  readonly #of: string
  #position: Position | undefined
  #writing: Promise<void> | undefined

  private constructor(path: string, { of, position }: { of: string; position: Position | undefined }) {
    this.path = path
    this.#of = of
    this.#position = position
  }

  /** @param of all that makes one replay another one than this; kept as a digest */
  static async open(path: string, of: unknown): Promise<ResumeFile> {
    const digest = digestOf(of)
    let text: string
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
        return new ResumeFile(path, { of: digest, position: undefined })
      }
      throw new BaywireError(`--resume: ${path} cannot be read: ${describeError(error)}`, { cause: error })
    }
    const content = contentSchema.safeParse(parsed(text))
    if (!content.success) throw new BaywireError(`--resume: ${path} is no file of a replay`, { advice })
    if (content.data.of !== digest) {
      throw new BaywireError(`--resume: ${path} is of a replay with other filters or another target`, { advice })
    }
    const position = { receivedAt: content.data.received_at, id: content.data.id }
    return new ResumeFile(path, { of: digest, position })
  }

  /** Where none was asked for, and what came before is of no interest: written at the end alone, if at all. */
  static unasked(of: unknown): ResumeFile {
    const digest = digestOf(of)
    return new ResumeFile(`baywire-replay-${digest.slice(0, 8)}.resume`, { of: digest, position: undefined })
  }

  get position(): Position | undefined {
    return this.#position
  }

  /** Written as soon as the write before it is done. Throws nothing: `save` does. */
  note(position: Position): void {
    this.#position = position
    this.#writing ??= this.#write()
      .catch(() => {})
      .finally(() => (this.#writing = undefined))
  }

  async save(): Promise<void> {
    await this.#writing
    if (this.#position === undefined) return
    await this.#write().catch((error: unknown) => {
      throw new BaywireError(`${this.path} cannot be written: ${describeError(error)}`, { cause: error })
    })
  }

  /** Once there is nothing left to go on with. */
  async remove(): Promise<void> {
    await this.#writing
    await rm(this.path, { force: true })
  }

  async #write(): Promise<void> {
    const position = this.#position
    if (position === undefined) return
    const unfinished = `${this.path}.part`
    const received_at = new Date(position.receivedAt).toISOString()
    const content = { baywire_replay: 1, of: this.#of, received_at, id: position.id }
    await writeFile(unfinished, `${JSON.stringify(content)}\n`, { mode: 0o600 })
    await rename(unfinished, this.path)
  }
}

function digestOf(of: unknown): string {
  return createHash('sha256').update(JSON.stringify(of)).digest('hex')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
