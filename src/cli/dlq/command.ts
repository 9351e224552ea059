import type { Command } from 'commander'
import { addList } from './list.ts'
import { addRedrive } from './redrive.ts'
import { addShow } from './show.ts'

export function addDlq(program: Command): void {
  const dlq = program
    .command('dlq')
    .description('dead letters: readings that had no effect, and may have one once the cause is mended')
    .addHelpText('after', '\nExample:\n  baywire dlq list --tenant demo')
  for (const add of [addList, addShow, addRedrive]) add(dlq)
}
