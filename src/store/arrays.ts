/**
 * Columns as Postgres array literals, to be cast where they are used: `${plain(ids)}::uuid[]`. postgres.js guesses the
 * type of an array from its first element and cannot send booleans so; a literal is also the cheapest encoding.
 * Never by way of `::text::uuid[]`: Postgres would read that literal twice, to plan and to execute, and in `= ANY (…)`
 * again for each row. One `join` makes it, braces included: text that is put together from parts is copied once more
 * before it is sent.
 */
type Nullable<T> = readonly (T | null)[]

/** Numbers, booleans, ids: anything whose text needs no quotes. */
export function plain(values: Nullable<number | boolean | string>): string {
  return plainOf(values, (value) => value)
}

/** As `plain`, of one field of each row. */
export function plainOf<Row>(rows: readonly Row[], field: (row: Row) => number | boolean | string | null): string {
  return literal(rows, (row) => field(row) ?? 'NULL')
}

export function texts(values: Nullable<string>): string {
  return textsOf(values, (value) => value)
}

/** As `texts`, of one field of each row. */
export function textsOf<Row>(rows: readonly Row[], field: (row: Row) => string | null): string {
  return literal(rows, (row) => quotedText(field(row)))
}

function literal<Row>(rows: readonly Row[], element: (row: Row) => number | boolean | string): string {
  const last = rows.length - 1
  if (last < 0) return '{}'
  return rows
    .map((row, index) => {
      const text = element(row)
      if (index === 0) return index === last ? `{${text}}` : `{${text}`
      return index === last ? `${text}}` : text
    })
    .join(',')
}

function quotedText(value: string | null): string {
  return value === null ? 'NULL' : `"${escape(value)}"`
}

const special = /[\\"]/g

function escape(text: string): string {
  return text.includes('"') || text.includes('\\') ? text.replaceAll(special, String.raw`\$&`) : text
}
