import { isUtf8 } from 'node:buffer'
import { readFile, stat } from 'node:fs/promises'
import { parseCsv, type CsvFile } from '../csv.ts'
import { BaywireError } from '../errors.ts'

const mostFileBytes = 512 * 1024 * 1024

/** @throws BaywireError naming the file, the line and the reason */
export async function readCsv(path: string): Promise<CsvFile> {
  const content = await readBounded(path)
  if (!isUtf8(content)) throw new BaywireError(`${path}: is not UTF-8`, { advice: 'save it as UTF-8' })
  return parseCsv(path, content)
}

async function readBounded(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path)
    if (size > mostFileBytes) {
      throw new BaywireError(`${path}: is larger than ${mostFileBytes / 1024 / 1024} MiB`, { advice: 'split it' })
    }
    return await readFile(path)
  } catch (error) {
    if (error instanceof BaywireError) throw error
    throw new BaywireError(`${path}: ${reasonOfFile(error)}`, { cause: error })
  }
}

const reasons = new Map([
  ['ENOENT', 'there is no such file'],
  ['EACCES', 'it may not be read'],
  ['EISDIR', 'it is a directory'],
])

function reasonOfFile(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
  return reasons.get(code) ?? code
}
