import { sql, lt } from 'drizzle-orm'
import { spentTickets } from './schema/live.ts'
import type { TenantTransaction } from './transactions.ts'

/** Kept for longer than the clocks of the processes may differ. */
const keptFor = sql`now() - interval '10 minutes'`

/** False where it was spent before: of several at once one gets true. */
export async function spendTicket(tx: TenantTransaction, { id, expiresAt }: { id: string; expiresAt: Date }) {
  await tx.delete(spentTickets).where(lt(spentTickets.expiresAt, keptFor))
  const spent = await tx
    .insert(spentTickets)
    .values({ tenantId: tx.tenantId, id, expiresAt })
    .onConflictDoNothing()
    .returning({ id: spentTickets.id })
  return spent.length > 0
}
