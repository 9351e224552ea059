import { readFile, writeFile } from 'node:fs/promises'
import type { Summary } from './summary.ts'
import { toTable } from './table.ts'

const document = new URL('../docs/performance.md', import.meta.url)
const figures = /(<!-- figures -->\n)[\s\S]*(<!-- \/figures -->)/

/** Puts the figures of a run between the marks of docs/performance.md, in place of those of an earlier one. */
export async function writeTable(summary: Summary): Promise<void> {
  await writeFile(document, withTable(await readFile(document, 'utf8'), summary))
}

export function withTable(text: string, summary: Summary): string {
  if (!figures.test(text))
    throw new Error('docs/performance.md has no place for figures: <!-- figures --> and <!-- /figures -->')
  const indented = toTable(summary)
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`))
  return text.replace(figures, (_, begin: string, end: string) => `${begin}\n${indented.join('\n')}\n\n${end}`)
}
