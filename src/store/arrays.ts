/**
 * Columns as Postgres array literals, to be sent as text and cast: `${uuids(ids)}::text::uuid[]`. postgres.js
 * guesses the type of an array from its first element and cannot send booleans so; a literal is also the
 * cheapest encoding. Write `FROM unnest(…)`, not `= ANY (…)`: there the cast is not a constant to Postgres, which would
 * read the literal again for each row.
 */
type Nullable<T> = readonly (T | null)[]

/** Numbers, booleans, ids: anything whose text needs no quotes. */
export function plain(values: Nullable<number | boolean | string>): string {
  return `{${values.map((value) => (value === null ? 'NULL' : String(value))).join(',')}}`
}

export function texts(values: Nullable<string>): string {
  return `{${values.map((value) => (value === null ? 'NULL' : `"${escape(value)}"`)).join(',')}}`
}

export function bytes(values: Nullable<Buffer>): string {
  return `{${values.map((value) => (value === null ? 'NULL' : String.raw`"\\x${value.toString('hex')}"`)).join(',')}}`
}

const special = /[\\"]/g

function escape(text: string): string {
  return text.includes('"') || text.includes('\\') ? text.replaceAll(special, String.raw`\$&`) : text
}
