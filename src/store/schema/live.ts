import { pgTable, primaryKey, uuid } from 'drizzle-orm/pg-core'
import { instant, tenants } from './tenancy.ts'

/** Tickets for a WebSocket that have been used: none is good twice. */
export const spentTickets = pgTable(
  'spent_tickets',
  {
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    id: uuid('id').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)
