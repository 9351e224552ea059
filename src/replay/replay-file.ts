import { isUtf8 } from 'node:buffer'
import { open } from 'node:fs/promises'
import { z } from 'zod'
import { BaywireError, describeError } from '../errors.ts'
import { policyFieldsSchema, type PolicyFields } from '../occupancy/policy.ts'
import { outcomes, type Outcome } from '../store/books.ts'

/**
 * Logged readings as NDJSON, a line each, in the order of arrival: what `baywire replay --to-file` writes and `--from-file`
 * reads anywhere. Each line says which of how many it is, so a file that was cut off or has lost a line is not taken for a
 * whole one. A message's payload stands on its first line; the other readings of the message follow it.
 */
const time = z.iso.datetime({ precision: 3 }).transform((text) => Date.parse(text))

const lineSchema = z.object({
  n: z.int().min(1),
  of: z.int().min(1),
  id: z.uuid(),
  part: z.int().min(0),
  received_at: time,
  observed_at: time.nullable(),
  topic: z.string().min(1),
  payload: z.base64().optional(),
  delivery: z.string().nullable(),
  redrive_of: z.uuid().nullable(),
  tenant: z.string(),
  device: z.string().nullable(),
  /** site/space */
  space: z.string().nullable(),
  outcome: z.enum(outcomes),
  reason: z.string().nullable(),
  clock: z.string().nullable(),
  input_seq: z.int().min(1).nullable(),
  /** What the policy that it was judged by says otherwise than the defaults. */
  policy: policyFieldsSchema.optional(),
})

/** Times in epoch milliseconds. */
export interface FiledReading {
  readonly n: number
  readonly of: number
  readonly id: string
  readonly part: number
  readonly receivedAt: number
  readonly observedAt: number | null
  readonly topic: string
  readonly payload: Buffer
  readonly delivery: string | null
  readonly redriveOf: string | null
  readonly tenant: string
  readonly device: string | null
  readonly space: string | null
  readonly outcome: Outcome
  readonly reason: string | null
  readonly clock: string | null
  readonly inputSeq: number | null
  readonly policy: PolicyFields
}

/** @param startsMessage whether the line before it is of another message */
export function fileLine(reading: FiledReading, { startsMessage }: { startsMessage: boolean }): string {
  const { n, of, id, part, topic, delivery, tenant, device, space, outcome, reason, clock, policy } = reading
  const line = {
    n,
    of,
    received_at: new Date(reading.receivedAt).toISOString(),
    observed_at: reading.observedAt === null ? null : new Date(reading.observedAt).toISOString(),
    topic,
    ...(startsMessage ? { payload: reading.payload.toString('base64') } : {}),
    id,
    part,
    delivery,
    redrive_of: reading.redriveOf,
    tenant,
    device,
    space,
    outcome,
    reason,
    clock,
    input_seq: reading.inputSeq,
    ...(Object.keys(policy).length > 0 ? { policy } : {}),
  }
  return `${JSON.stringify(line)}\n`
}

/** All readings of a file, some at a time. Throws, with the number of the line, where it is not what was written. */
export async function* readReplayFile(path: string): AsyncGenerator<FiledReading[]> {
  const reader = new LineReader(path)
  for await (const lines of linesOf(path)) yield lines.map((line) => reader.read(line))
  reader.end()
}

class LineReader {
  readonly #path: string
  #number = 0
  #of = 0
  #message: { id: string; payload: Buffer } | undefined

  constructor(path: string) {
    this.#path = path
  }

  read(line: Buffer): FiledReading {
    this.#number++
    const { received_at, observed_at, redrive_of, input_seq, payload, policy = {}, ...same } = this.#parse(line)
    if (same.n !== this.#number) throw this.#wrong(`is number ${same.n} of ${same.of}: a line before it is missing`)
    if (this.#of !== 0 && same.of !== this.#of) throw this.#wrong(`says ${same.of} lines, those before ${this.#of}`)
    this.#of = same.of
    if (payload !== undefined) this.#message = { id: same.id, payload: Buffer.from(payload, 'base64') }
    if (this.#message?.id !== same.id) throw this.#wrong('has no payload, and is not of the message before it')
    return {
      ...same,
      receivedAt: received_at,
      observedAt: observed_at,
      redriveOf: redrive_of,
      inputSeq: input_seq,
      payload: this.#message.payload,
      policy,
    }
  }

  /** To be called behind the last line. */
  end(): void {
    if (this.#number === 0) throw new BaywireError(`${this.#path} is empty`, { advice })
    if (this.#number < this.#of) {
      throw new BaywireError(`${this.#path} ends behind line ${this.#number} of ${this.#of}: it was cut off`, {
        advice,
      })
    }
  }

  #parse(line: Buffer): z.infer<typeof lineSchema> {
    let value: unknown
    try {
      if (!isUtf8(line)) throw new SyntaxError('is not UTF-8')
      value = JSON.parse(line.toString('utf8'))
    } catch {
      throw this.#wrong('is no JSON, or was cut off')
    }
    const parsed = lineSchema.safeParse(value)
    if (parsed.success) return parsed.data
    const [issue] = parsed.error.issues
    throw this.#wrong(`${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'cannot be read'}`)
  }

  #wrong(what: string): BaywireError {
    return new BaywireError(`${this.#path}, line ${this.#number}: ${what}`, { advice })
  }
}

const advice = 'nothing was done; give a whole file that `baywire replay --to-file` wrote'

const chunkBytes = 256 * 1024
/** Of one line: a message of 16 MB would still fit. */
const mostLineBytes = 24 * 1024 * 1024
const newline = 0x0a

async function* linesOf(path: string): AsyncGenerator<Buffer[]> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new BaywireError(`--from-file: ${path} cannot be read: ${describeError(error)}`, { cause: error })
  })
  try {
    const rest: Buffer[] = []
    let restBytes = 0
    for (;;) {
      const buffer = Buffer.allocUnsafe(chunkBytes)
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, null)
      if (bytesRead === 0) break
      const chunk = buffer.subarray(0, bytesRead)
      const last = chunk.lastIndexOf(newline)
      if (last === -1) {
        rest.push(chunk)
        restBytes += chunk.length
        if (restBytes > mostLineBytes) throw new BaywireError(`${path} has no lines`, { advice })
        continue
      }
      yield splitLines(Buffer.concat([...rest, chunk.subarray(0, last + 1)]))
      rest.splice(0, rest.length, chunk.subarray(last + 1))
      restBytes = chunk.length - last - 1
    }
    if (restBytes > 0) yield [Buffer.concat(rest)]
  } finally {
    await file.close()
  }
}

function splitLines(text: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let start = 0
  for (let end = text.indexOf(newline); end !== -1; end = text.indexOf(newline, start)) {
    lines.push(text.subarray(start, end))
    start = end + 1
  }
  return lines
}
