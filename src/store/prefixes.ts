import { sql, type SQL } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'

/** The text is compared as it is: nothing in it is a pattern. */
export function startsWith(column: PgColumn, prefix: string | undefined): SQL | undefined {
  return prefix === undefined ? undefined : sql`starts_with(${column}, ${prefix})`
}
