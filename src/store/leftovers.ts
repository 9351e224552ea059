import type { SystemTransaction } from './transactions.ts'

/** Rows that had their time. Policies show this role nothing else of these tables. */
export async function removeLeftovers(tx: SystemTransaction): Promise<{ answers: number; limits: number }> {
  const answers = await tx`DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'`
  const limits = await tx`DELETE FROM rate_limits WHERE expire < now()`
  return { answers: answers.count, limits: limits.count }
}
