import { requirePermission, type Actor } from '../auth/principal.ts'
import {
  countLetters,
  searchLetters,
  selectMessage,
  type CountedLetters,
  type FoundMessage,
  type LetterFilter,
  type ListedLetter,
} from '../store/dead-letter-search.ts'
import type { FoundRows, LogKey } from '../store/log-windows.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { notFound } from './place-refusals.ts'
import { requireTopicPattern } from './topic-filters.ts'

/** Which letters, with the topic as an MQTT filter. */
export type LetterQuery = LetterFilter

export async function listDeadLetters(
  tx: TenantTransaction,
  actor: Actor,
  { before, limit, signal, ...query }: LetterQuery & { before: LogKey | undefined; limit: number; signal: AbortSignal },
): Promise<FoundRows<ListedLetter>> {
  requirePermission(actor, 'readings:read')
  return await searchLetters(tx, { filter: filterOf(query), before, limit, signal })
}

/** @param limit most kinds: what each device's name is in the reason of has no end */
export async function countDeadLettersByReason(
  tx: TenantTransaction,
  actor: Actor,
  { limit, ...query }: LetterQuery & { limit: number },
): Promise<{ counts: CountedLetters[]; total: number }> {
  requirePermission(actor, 'readings:read')
  return await countLetters(tx, { filter: filterOf(query), limit })
}

export async function readDeadLetter(tx: TenantTransaction, actor: Actor, id: string): Promise<FoundMessage> {
  requirePermission(actor, 'readings:read')
  const found = await selectMessage(tx, id)
  if (found === undefined) throw notFound()
  return found
}

function filterOf({ topic, ...query }: LetterQuery): LetterFilter {
  return { ...query, topic: topic === undefined ? undefined : requireTopicPattern(topic, 'topic') }
}
