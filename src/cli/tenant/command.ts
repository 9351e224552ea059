import type { Command } from 'commander'
import { eraseTenantInParts, resumeTenant, suspendTenant } from '../../administration/platform.ts'
import { readConfig } from '../../config.ts'
import { BaywireError, UsageError } from '../../errors.ts'
import { isTransient } from '../../store/connection-error.ts'
import { allTenants, countTenant } from '../../store/tenants.ts'
import type { TenantDatabase, TenantTransaction } from '../../store/transactions.ts'
import { columns } from '../columns.ts'
import { openDatabase } from '../open.ts'
import { parseCode } from '../options.ts'
import { processTerminal } from '../terminal.ts'

interface Options {
  tenant: string
  json?: boolean
}

const examples = `
Example:
  $ baywire tenant list
  $ baywire tenant suspend --tenant city
  $ baywire tenant erase --tenant city --confirm city`

export function addTenant(program: Command): void {
  const tenant = program
    .command('tenant')
    .description('tenants: list, suspend, resume, erase')
    .addHelpText('after', examples)
  const named = (name: string, description: string, example = '') =>
    tenant
      .command(name)
      .description(description)
      .requiredOption('--tenant <slug>', 'which one', parseCode)
      .option('--json', 'as JSON')
      .addHelpText('after', `\nExample:\n  $ baywire tenant ${name} --tenant city${example}`)
  tenant
    .command('list')
    .description('all tenants')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  $ baywire tenant list')
    .action(list)
  named('suspend', 'let neither its people nor its devices in; what is stored stays').action((options: Options) =>
    setSuspended(options, true),
  )
  named('resume', 'let them in again').action((options: Options) => setSuspended(options, false))
  named('erase', 'take away all that is its own, for good; without --confirm only say what that is', ' --confirm city')
    .option('--confirm <slug>', 'the slug once more: do it', parseCode)
    .action(erase)
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const tenants = await withDatabase((database) => database.withAccounts(allTenants))
  const items = tenants.map(({ id, slug, name, public: opened, suspendedAt, createdAt }) => ({
    id,
    slug,
    name,
    public: opened,
    suspended_at: suspendedAt?.toISOString() ?? null,
    created_at: createdAt.toISOString(),
  }))
  const rows = items.map((item) => [
    item.slug,
    item.name,
    item.suspended_at === null ? 'active' : `suspended ${item.suspended_at}`,
    item.public ? 'public' : '',
  ])
  processTerminal().print(
    json === true ? JSON.stringify({ items }) : columns([['slug', 'name', 'state', 'reading'], ...rows]),
  )
}

async function setSuspended({ tenant, json }: Options, suspended: boolean): Promise<void> {
  const changed = await inTenant(tenant, suspended ? suspendTenant : resumeTenant)
  const state = suspended ? 'suspended' : 'active'
  processTerminal().print(
    json === true
      ? JSON.stringify({ tenant, suspended, changed })
      : `${tenant}: ${state}${changed ? '' : ' (as before)'}`,
  )
}

async function erase({ tenant, confirm, json }: Options & { confirm?: string }): Promise<void> {
  if (confirm !== undefined && confirm !== tenant) throw new UsageError('--confirm names another tenant than --tenant')
  const terminal = processTerminal()
  const counts = await inTenant(tenant, countTenant)
  if (json !== true) terminal.print(columns(Object.entries(counts).map(([name, count]) => [name, String(count)])))
  if (confirm === undefined) {
    if (json === true) terminal.print(JSON.stringify({ tenant, erased: false, counts }))
    terminal.note(
      `Nothing was erased. To erase it for good: baywire tenant erase --tenant ${tenant} --confirm ${tenant}`,
    )
    return
  }
  const rows = await withTenant(tenant, eraseTenantInParts)
  terminal.print(json === true ? JSON.stringify({ tenant, erased: true, counts, rows }) : `${tenant}: erased`)
}

const mostTries = 5

type InTenant = <T>(work: (tx: TenantTransaction) => Promise<T>) => Promise<T>

async function inTenant<T>(slug: string, work: (tx: TenantTransaction) => Promise<T>): Promise<T> {
  return await withTenant(slug, (run) => run(work))
}

/** Several transactions of one tenant: another one that takes over its slug meanwhile is not meant. */
async function withTenant<T>(slug: string, work: (inTenant: InTenant) => Promise<T>): Promise<T> {
  return await withDatabase(async (database) => {
    const known = await database.tenantBySlug(slug)
    if (known === undefined)
      throw new BaywireError(`there is no tenant "${slug}"`, { advice: 'see `baywire tenant list`' })
    return await work((transaction) => untilDone(() => database.withTenant(known.id, transaction)))
  })
}

/** Its sensors may go on sending: where two wait for each other, Postgres ends one of them. */
async function untilDone<T>(work: () => Promise<T>, tries = mostTries): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (tries <= 1 || !isTransient(error)) throw error
    return await untilDone(work, tries - 1)
  }
}

async function withDatabase<T>(work: (database: TenantDatabase) => Promise<T>): Promise<T> {
  const database = await openDatabase(readConfig(process.env))
  try {
    // A large log is counted and erased for as long as it takes.
    return await work(database.tenants('baywire tenant', { statementTimeoutMs: 0 }))
  } finally {
    await database.close()
  }
}
