import { sql, type SQL } from 'drizzle-orm'

/** A time as text of RFC 3339 in UTC, with milliseconds; null where it is null or infinite. */
export function rfc3339(time: SQL): SQL {
  return sql`to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}
