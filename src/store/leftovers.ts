import type { SystemTransaction } from './transactions.ts'

/** Rows that had their time. Of the first two tables policies show this role nothing else. */
export async function removeLeftovers(
  tx: SystemTransaction,
): Promise<{ answers: number; limits: number; redrives: number }> {
  const answers = await tx`DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'`
  const limits = await tx`DELETE FROM rate_limits WHERE expire < now()`
  const redrives = await tx`DELETE FROM redrives WHERE ended_at < now() - interval '90 days'`
  return { answers: answers.count, limits: limits.count, redrives: redrives.count }
}
