import type { Command } from 'commander'
import { readConfig } from '../../config.ts'
import { BaywireError } from '../../errors.ts'
import { auditedTenants } from '../../store/audit.ts'
import { verifyChain, type VerifiedChain } from '../../store/audit-chain.ts'
import type { TenantDatabase } from '../../store/transactions.ts'
import { openDatabase } from '../open.ts'
import { processTerminal } from '../terminal.ts'

interface Options {
  tenant?: string
  json?: boolean
}

/** A tenant by its slug; one that was erased by its id, the only thing that is left of it beside its chain. */
type Verified = VerifiedChain & { readonly tenant: string }

export function addAudit(program: Command): void {
  const example = '\nExample:\n  $ baywire audit verify --tenant demo'
  program
    .command('audit')
    .description('the audit log')
    .addHelpText('after', example)
    .command('verify')
    .description('walk the chain of the audit log: whether an entry was changed, dropped or moved since it was written')
    .option('--tenant <slug>', 'of this tenant alone, an erased one by its id; of all where it is left out')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `${example}\n\nExit code 1 where a chain is broken. Note the hash that is printed: who writes a chain anew from some entry on cannot make it again.`,
    )
    .action(verify)
}

async function verify({ tenant, json }: Options): Promise<void> {
  const opened = await openDatabase(readConfig(process.env))
  try {
    const database = opened.tenants('baywire audit')
    const results = await verifyAll(database, tenant)
    const lines = results.length === 0 ? ['there is no tenant'] : results.map(line)
    processTerminal().print(json === true ? JSON.stringify(results) : lines.join('\n'))
    if (results.some(({ fault }) => fault !== null)) process.exitCode = 1
  } finally {
    await opened.close()
  }
}

async function verifyAll(database: TenantDatabase, wanted: string | undefined): Promise<Verified[]> {
  const known = (await database.withAccounts(auditedTenants)).map(({ tenantId, slug }) => ({
    tenantId,
    name: slug ?? tenantId,
  }))
  const chosen = known.filter(({ tenantId, name }) => wanted === undefined || [tenantId, name].includes(wanted))
  if (wanted !== undefined && chosen.length === 0) {
    throw new BaywireError(`there is no tenant "${wanted}"`, { advice: 'check --tenant' })
  }
  const results: Verified[] = []
  for (const { tenantId, name } of chosen) {
    // oxlint-disable-next-line no-await-in-loop -- one chain at a time is all that the disk gives anyway
    results.push({ tenant: name, ...(await database.withTenant(tenantId, verifyChain)) })
  }
  return results
}

function line({ tenant, entries, head, fault }: Verified): string {
  if (fault === null) return `${tenant}: ${entries} entries, whole${head === null ? '' : `, up to ${head}`}`
  const words = {
    altered: 'was changed after it was written',
    missing: 'is missing',
    unchained: 'does not follow from the one before it',
    head: 'lies beyond the recorded end, or is not what that end says',
  }
  return `${tenant}: BROKEN: entry ${fault.seq} ${words[fault.fault]}`
}
