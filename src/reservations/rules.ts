import type { Policy } from '../occupancy/policy.ts'
import { unprocessable } from './refusals.ts'

/**
 * What may be asked for. Pure: the time is an input. Instants are instants: over a change of daylight-saving time a
 * reservation is as long as the time that passes.
 */
export interface Window {
  readonly from: Date
  readonly to: Date
}

/** A client's clock, and the way of its request. */
export const startGraceMs = 60_000
/** Between them is what Postgres and people can write down, and nobody reaches either. */
const earliest = Date.UTC(2000, 0, 1)
const latest = Date.UTC(10_000, 0, 1) - 1

/**
 * The instant that RFC 3339 text names.
 * @throws Refusal `unprocessable` for one between milliseconds, and for one that is no instant of ours
 */
export function instantOf(text: string, path: string): Date {
  if (/\.\d{3}\d*[1-9]/.test(text)) throw unprocessable(path, 'must be a whole millisecond')
  const at = new Date(text)
  if (Number.isNaN(at.getTime())) throw unprocessable(path, 'is no time')
  if (at.getTime() < earliest) throw unprocessable(path, 'is too long ago')
  if (at.getTime() > latest) throw unprocessable(path, 'is too far ahead')
  return at
}

/** Of names such as `start` and `end`, or `from` and `to`. */
export function windowOf(first: readonly [name: string, text: string], second: readonly [name: string, text: string]) {
  const from = instantOf(first[1], first[0])
  const to = instantOf(second[1], second[0])
  if (from >= to) throw unprocessable(second[0], `must be later than ${first[0]}`)
  return { from, to }
}

export function requireNotPast({ from, to }: Window, now: number): void {
  if (from.getTime() < now - startGraceMs) throw unprocessable('start', 'lies in the past')
  if (to.getTime() <= now) throw unprocessable('end', 'lies in the past')
}

export function requireAllowed({ from, to }: Window, { policy, now }: { policy: Policy; now: number }): void {
  const { max_reservation_s: longest, max_lead_s: lead } = policy
  if (from.getTime() > now + lead * 1000) throw unprocessable('start', `may be at most ${lead} seconds from now`)
  if (to.getTime() - from.getTime() > longest * 1000) {
    throw unprocessable('end', `may be at most ${longest} seconds after start`)
  }
}
