import { access, link, open, rm } from 'node:fs/promises'
import { BaywireError, describeError } from '../../errors.ts'
import { exportReadings, type Exported } from '../../replay/export.ts'
import type { ReadingFilter } from '../../replay/filter.ts'
import type { OpenDatabase } from '../open.ts'
import type { Terminal } from '../terminal.ts'
import { interruptible } from './interrupt.ts'
import { noneChosen, selectionOf } from './options.ts'
import { progressOn } from './progress.ts'

export async function runToFile(
  database: OpenDatabase,
  { path, filter, json, terminal }: { path: string; filter: ReadingFilter; json: boolean; terminal: Terminal },
): Promise<void> {
  const exported = await interruptible(async (signal) => {
    try {
      return await exportToFile(database, { path, filter, terminal, signal, quiet: json })
    } catch (error) {
      if (signal.aborted) throw new BaywireError('interrupted: nothing was written', { advice: 'run it again' })
      throw error
    }
  })
  const { readings, messages } = exported
  if (json) terminal.print(JSON.stringify({ file: path, readings, messages }))
  else terminal.print(`${path}: ${readings} readings of ${messages} messages; payloads and codes are as they were sent`)
}

export interface ExportToFile {
  readonly path: string
  readonly filter: ReadingFilter
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly quiet: boolean
}

/** Whole or not at all: it has its name once all of it is on the disk. Nobody else may read it: it says who parked when. */
export async function exportToFile(
  database: OpenDatabase,
  { path, filter, terminal, signal, quiet }: ExportToFile,
): Promise<Exported> {
  const unfinished = `${path}.${process.pid}.part`
  const cannot = (error: unknown) =>
    new BaywireError(`${path} cannot be written: ${describeError(error)}`, { cause: error })
  if (await isThere(path)) throw cannot(taken)
  try {
    const file = await open(unfinished, 'wx', 0o600).catch((error: unknown) => {
      throw cannot(error)
    })
    let exported: Exported
    try {
      exported = await database.system('baywire replay', { statementTimeoutMs: 0 }).withSnapshot(async (tx) =>
        exportReadings(tx, {
          selection: await selectionOf(database, tx, filter),
          write: async (lines) => {
            await file.writeFile(lines).catch((error: unknown) => {
              throw cannot(error)
            })
          },
          signal,
          onCount: (readings) => quiet || terminal.note(`${readings.toLocaleString('en')} readings are chosen`),
          onProgress: progressOn(terminal),
        }),
      )
      if (exported.readings === 0) throw noneChosen()
      await file.sync()
    } finally {
      await file.close()
    }
    // Never over another file: it may be the only copy of some night.
    await link(unfinished, path).catch((error: unknown) => {
      throw cannot(error)
    })
    return exported
  } finally {
    await rm(unfinished, { force: true })
  }
}

const taken = new Error('there is such a file already')

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
