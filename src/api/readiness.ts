import { errorCodeOf } from '../store/connection-error.ts'
import { TimeLimitError, withinTime } from './time-limit.ts'

/** One part of the process: a database, a broker, a role. `detail` is for people and holds nothing secret. */
export interface PartReadiness {
  ok: boolean
  detail: string
}

/** The body of /ready. */
export interface Readiness {
  ready: boolean
  parts: Record<string, PartReadiness>
}

/** How long a part may take to say that it is well. */
const PART_WAIT_MS = 2000

/** Asks all parts at once. One that fails, or does not answer in time, is not ok; it never holds up the others. */
export async function checkParts(
  checks: Readonly<Record<string, () => Promise<PartReadiness>>>,
  { waitMs = PART_WAIT_MS }: { waitMs?: number } = {},
): Promise<Readiness> {
  const parts = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await checkPart(check, waitMs)] as const),
  )
  return { ready: parts.every(([, part]) => part.ok), parts: Object.fromEntries(parts) }
}

async function checkPart(check: () => Promise<PartReadiness>, waitMs: number): Promise<PartReadiness> {
  try {
    return await withinTime(check(), waitMs)
  } catch (error) {
    // Anybody may read this, so of an error only its code is told.
    const code = errorCodeOf(error)
    if (error instanceof TimeLimitError) return { ok: false, detail: error.message }
    return { ok: false, detail: code === undefined ? 'check failed' : `check failed: ${code}` }
  }
}
