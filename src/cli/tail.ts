import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { BaywireError } from '../errors.ts'
import { readArrivals, type Arrival, type TailPosition } from '../store/tail.ts'
import { openDatabase } from './open.ts'
import { processTerminal } from './terminal.ts'

interface Options {
  tenant?: string
  json?: boolean
}

const pollMs = 500

export function addTail(program: Command): void {
  program
    .command('tail')
    .description('follow readings as they are committed, with what each one did')
    .option('--tenant <slug>', 'of this tenant alone')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  baywire tail --tenant demo')
    .action(tail)
}

async function tail({ tenant, json }: Options): Promise<void> {
  const database = await openDatabase(readConfig(process.env))
  const terminal = processTerminal()
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  try {
    const known = tenant === undefined ? undefined : await database.tenants('baywire tail').tenantBySlug(tenant)
    if (tenant !== undefined && known === undefined) {
      throw new BaywireError(`there is no tenant "${tenant}"`, { advice: 'check --tenant' })
    }
    const system = database.system('baywire tail')
    let position: TailPosition | undefined
    while (!stopping.signal.aborted) {
      const read = await system.withSystem((tx) => readArrivals(tx, { tenantId: known?.id, position }))
      position = read.position
      for (const arrival of read.arrivals) terminal.print(json === true ? JSON.stringify(arrival) : line(arrival))
      await pause(pollMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  } finally {
    await database.close()
  }
}

function line(arrival: Arrival): string {
  const { received_at: at, tenant, device, space, outcome, occupied, reason } = arrival
  const said = occupied === null ? '?' : occupied ? 'occupied' : 'vacant'
  const columns = [at, `${tenant}/${device ?? '?'}`.padEnd(28), said.padEnd(8), outcome.padEnd(14), space ?? '']
  return [...columns, reason === null ? '' : `(${reason})`].join('  ').trimEnd()
}
