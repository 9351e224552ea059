import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { BaywireError, describeError } from '../../errors.ts'

/**
 * What a backup holds, in a file of it that is written last: without it, there is no backup. Paths are relative to
 * the backup and never lead out of it; `received` is what the ledgers of all tenants had counted just before its end.
 */
export const manifestName = 'manifest.json'

const insidePath = z.string().refine((path) => !path.startsWith('/') && !path.split('/').includes('..'), {
  message: 'leads out of the backup',
})

const manifestShape = z.object({
  format: z.literal(1),
  postgres: z.number().int(),
  started_at: z.string(),
  ended_at: z.string(),
  start_lsn: z.string(),
  stop_lsn: z.string(),
  received: z.number().int(),
  directories: z.array(insidePath),
  files: z.array(z.object({ path: insidePath, size: z.number().int(), sha256: z.string() })),
})

export type Manifest = z.output<typeof manifestShape>
export type CopiedFile = Manifest['files'][number]

export async function readManifest(backup: string): Promise<Manifest> {
  const path = join(backup, manifestName)
  try {
    return manifestShape.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : describeError(error)
    throw new BaywireError(`${backup} is no backup of Baywire: ${reason.split('\n', 1)[0]}`, {
      advice: 'name a directory that `baywire backup --to` has made',
      cause: error,
    })
  }
}

/** Copies one file to disk, through to the disk, and answers what was written: it may change while it is read. */
export async function copyFile(
  source: string,
  target: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<Omit<CopiedFile, 'path'>> {
  const hash = createHash('sha256')
  let size = 0
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      size += chunk.length
      onBytes(chunk.length)
      done(null, chunk)
    },
  })
  const output = createWriteStream(target, { flags: 'wx', mode: 0o600, flush: true, highWaterMark: chunkBytes })
  await pipeline(createReadStream(source, { highWaterMark: chunkBytes }), count, output)
  return { size, sha256: hash.digest('hex') }
}

const chunkBytes = 1_048_576

/** Writes a file through to the disk. */
export async function writeThrough(path: string, content: string | Buffer): Promise<Omit<CopiedFile, 'path'>> {
  const bytes = Buffer.from(content)
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}
