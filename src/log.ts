import { destination, pino, type Logger } from 'pino'

export type Log = Logger

/**
 * One JSON object per line on standard error, so that standard output stays a command's own.
 * Written synchronously: a line logged just before a crash is there.
 */
export function createLog(options: { level: string; role?: string }): Log {
  return pino(
    { level: options.level, base: options.role === undefined ? {} : { role: options.role } },
    destination({ fd: 2, sync: true }),
  )
}
