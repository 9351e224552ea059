import { closeSync, openSync, writeSync } from 'node:fs'
import { BaywireError, describeError } from '../../errors.ts'
import type { Message } from './message.ts'

/**
 * What was acknowledged, as NDJSON, appended as it happens: a line is in the file before the loop turns again,
 * however this process ends after that.
 */
export interface AckLog {
  add(message: Message): void
  close(): void
}

export function openAckLog(path: string, { boot, onError }: { boot: number; onError: (error: Error) => void }): AckLog {
  const file = attempt(path, () => openSync(path, 'a'))
  let lines = ''
  const flush = () => {
    const text = lines
    lines = ''
    if (text !== '') attempt(path, () => writeWhole(file, text))
  }
  return {
    add({ readings }) {
      if (lines === '') setImmediate(() => reportTo(onError, flush))
      for (const { device, seq } of readings) lines += `${JSON.stringify({ device, boot, seq })}\n`
    },
    close() {
      try {
        flush()
      } finally {
        closeSync(file)
      }
    },
  }
}

function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let from = 0; from < bytes.length;) from += writeSync(file, bytes, from)
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new BaywireError(`--ack-log: ${path} cannot be written: ${describeError(error)}`, { cause: error })
  }
}

function reportTo(onError: (error: Error) => void, work: () => void): void {
  try {
    work()
  } catch (error) {
    onError(error instanceof Error ? error : new Error(String(error)))
  }
}
