import type { Clock } from '../clock.ts'
import { Refusal } from '../refusal.ts'
import { lockAtOnce, selectCandidates } from '../store/reservation-candidates.ts'
import { hasSite } from '../store/reservations.ts'
import { inAttempt } from '../store/statement.ts'
import type { TenantWriterTransaction } from '../store/transactions.ts'
import { SpaceTakenRefusal, unknownReference } from './refusals.ts'
import { startGraceMs, type Window } from './rules.ts'

export interface Choice {
  siteId: string
  features: readonly string[]
  window: Window
  /** Where it is now: not this one, which is locked together with the other. */
  instead?: string
  clock: Clock
}

const candidatesPerRound = 20
const rounds = 3
/** Until then what sensors say now tells who will have left. */
const soonMs = 3_600_000

/**
 * The best space of the site that can be had. Many may choose at once, and see the same ones free: each tries first those that
 * nobody else is at, then waits for the others, then looks again. What an attempt did at a space that it did not get is
 * undone, its locks too, so that nobody waits for one while holding another.
 */
export async function chooseBay<T>(
  tx: TenantWriterTransaction,
  choice: Choice,
  attempt: (tx: TenantWriterTransaction, spaceId: string) => Promise<T>,
): Promise<T> {
  if (!(await hasSite(tx, choice.siteId))) throw unknownReference('site_id')
  for (let round = 0; round < rounds; round += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one transaction takes one statement at a time
    const made = await oneRound(tx, choice, attempt)
    if (made !== undefined) return made.value
  }
  throw noneFree()
}

type Attempt<T> = (tx: TenantWriterTransaction, spaceId: string) => Promise<T>

async function oneRound<T>(
  tx: TenantWriterTransaction,
  choice: Choice,
  attempt: Attempt<T>,
): Promise<{ value: T } | undefined> {
  const { instead } = choice
  const candidates = await candidatesOf(tx, choice)
  if (candidates.length === 0) throw noneFree()
  const busy: string[] = []
  for (const spaceId of candidates) {
    // oxlint-disable-next-line no-await-in-loop -- one transaction takes one statement at a time
    const made = await tryAt(tx, async (inner) => {
      if (await lockAtOnce(inner, instead === undefined ? [spaceId] : [spaceId, instead]))
        return { value: await attempt(inner, spaceId) }
      busy.push(spaceId)
      return undefined
    })
    if (made !== undefined) return made
  }
  for (const spaceId of busy) {
    // oxlint-disable-next-line no-await-in-loop -- as above
    const made = await tryAt(tx, async (inner) => ({ value: await attempt(inner, spaceId) }))
    if (made !== undefined) return made
  }
  return undefined
}

async function tryAt<T>(
  tx: TenantWriterTransaction,
  work: (tx: TenantWriterTransaction) => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await inAttempt(tx, work)
  } catch (error) {
    if (error instanceof SpaceTakenRefusal) return undefined
    throw error
  }
}

async function candidatesOf(
  tx: TenantWriterTransaction,
  { siteId, features, window, instead, clock }: Choice,
): Promise<string[]> {
  const now = clock.now()
  const begins = window.from.getTime()
  return await selectCandidates(tx, {
    siteId,
    features,
    except: instead,
    now,
    ...window,
    soon: begins <= now + soonMs,
    atOnce: begins <= now + startGraceMs,
    limit: candidatesPerRound,
  })
}

function noneFree(): Refusal {
  return new Refusal('conflict', 'No space of the site that has these features is free for all of that time.')
}
