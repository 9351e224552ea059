/** Rows of cells as lines, each column as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string {
  const most = Math.max(...rows.map((row) => row.length))
  const widths = Array.from({ length: most }, (_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => printable(cell).padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Names are whatever people typed: nothing of them steers a terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?')
}
