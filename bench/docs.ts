import { readFile, writeFile } from 'node:fs/promises'
import type { Summary } from './summary.ts'
import { toTable } from './table.ts'

const document = new URL('../docs/performance.md', import.meta.url)
const figures = /(<!-- figures -->\n)[\s\S]*(<!-- \/figures -->)/

/** Puts the figures of runs between the marks of docs/performance.md, in place of those of earlier ones. */
export async function writeTables(summaries: readonly Summary[]): Promise<void> {
  await writeFile(document, withTables(await readFile(document, 'utf8'), summaries))
}

export function withTables(text: string, summaries: readonly Summary[]): string {
  if (!figures.test(text))
    throw new Error('docs/performance.md has no place for figures: <!-- figures --> and <!-- /figures -->')
  const indented = summaries
    .map(toTable)
    .join('\n\n')
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`))
  return text.replace(figures, (_, begin: string, end: string) => `${begin}\n${indented.join('\n')}\n\n${end}`)
}
