import type { Command } from 'commander'
import {
  addPerson,
  changeAccount,
  setMembership,
  setPassword,
  type Made,
  type Means,
} from '../../administration/people.ts'
import { wordList } from '../../auth/common-passwords.ts'
import { PasswordHasher } from '../../auth/hashing.ts'
import type { Role } from '../../auth/permissions.ts'
import { readConfig } from '../../config.ts'
import { UsageError } from '../../errors.ts'
import { listPeople } from '../../store/people.ts'
import { passwordRules } from '../accounts.ts'
import { openDatabase } from '../open.ts'
import { parseCode } from '../options.ts'
import { explained } from '../refusals.ts'
import { processTerminal } from '../terminal.ts'
import { parseRole, passwordFromInput } from './options.ts'
import { peopleTable } from './people-table.ts'

interface Options {
  email: string
  json?: boolean
}
interface PasswordOptions extends Options {
  passwordStdin?: boolean
}
interface AddOptions extends PasswordOptions {
  name: string
  tenant?: string
  role?: Role
  admin?: boolean
}
interface RoleOptions extends Options {
  tenant: string
  role?: Role
  remove?: boolean
}

const examples = `
Example:
  $ baywire user add --email ada@example.org --name "Ada Berg" --tenant city --role owner
  $ baywire user password --email ada@example.org
  $ baywire user disable --email ada@example.org
  $ baywire user list --tenant city`

export function addUser(program: Command): void {
  const user = program
    .command('user')
    .description('people: the first administrator, and emergencies')
    .addHelpText('after', examples)
  const named = (name: string, description: string, example: string) =>
    user
      .command(name)
      .description(description)
      .requiredOption('--email <address>', 'whose account')
      .option('--json', 'as JSON')
      .addHelpText('after', `\nExample:\n  $ baywire user ${name} --email ada@example.org${example}`)
  const stdin = [
    '--password-stdin',
    'read the password from standard input; without it one is made and shown once',
  ] as const
  named('add', 'make an account, its address verified', ' --name "Ada Berg" --tenant city --role owner')
    .requiredOption('--name <name>', 'of the person')
    .option('--tenant <slug>', 'which they belong to', parseCode)
    .option('--role <role>', 'as what', parseRole)
    .option('--admin', 'they may look across tenants')
    .option(...stdin)
    .action(add)
  named('password', 'set another password: ends all sessions, and a lockout', '')
    .option(...stdin)
    .action(password)
  named('disable', 'shut the account: ends all sessions', '').action((options: Options) =>
    change(options, { disabled: true }),
  )
  named('enable', 'open the account again', '').action((options: Options) => change(options, { disabled: false }))
  named('admin', 'let them look across tenants', '')
    .option('--revoke', 'no longer')
    .action((options: Options & { revoke?: boolean }) => change(options, { administrator: options.revoke !== true }))
  named('role', 'make them a member of a tenant with this role, or none any more', ' --tenant city --role admin')
    .requiredOption('--tenant <slug>', 'of which tenant', parseCode)
    .option('--role <role>', 'the role', parseRole)
    .option('--remove', 'end their membership')
    .action(role)
  user
    .command('list')
    .description('all accounts, or the members of a tenant')
    .option('--tenant <slug>', 'its members', parseCode)
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  $ baywire user list --tenant city')
    .action(list)
}

async function add({ email, name, tenant, role: as, admin, passwordStdin, json }: AddOptions): Promise<void> {
  if ((tenant === undefined) !== (as === undefined)) throw new UsageError('--tenant and --role are given together')
  const given = await passwordFromInput(passwordStdin)
  const member = tenant === undefined || as === undefined ? undefined : { slug: tenant, role: as }
  const person = { email, name, password: given, administrator: admin === true, member }
  showMade(await withMeans((means) => addPerson(means, person)), json)
}

async function password({ email, passwordStdin, json }: PasswordOptions): Promise<void> {
  const given = await passwordFromInput(passwordStdin)
  showMade(await withMeans((means) => setPassword(means, { email, password: given })), json)
}

function showMade({ id, email, password: made }: Made, json: boolean | undefined): void {
  const terminal = processTerminal()
  if (json === true) terminal.print(JSON.stringify({ id, email, ...(made === undefined ? {} : { password: made }) }))
  else terminal.print(made === undefined ? `${email}: done` : `${email}\npassword: ${made}`)
  if (made !== undefined) terminal.note('The password is shown this once, and must be changed at the next login.')
}

async function change({ email, json }: Options, what: { disabled?: boolean; administrator?: boolean }): Promise<void> {
  await withMeans((means) => changeAccount(means, { email, change: what }))
  processTerminal().print(json === true ? JSON.stringify({ email, ...what }) : `${email}: done`)
}

async function role({ email, tenant, role: wanted, remove, json }: RoleOptions): Promise<void> {
  if ((wanted === undefined) !== (remove === true)) throw new UsageError('one of --role and --remove is needed')
  await withMeans((means) => setMembership(means, { email, slug: tenant, role: wanted }))
  processTerminal().print(
    json === true
      ? JSON.stringify({ email, tenant, role: wanted ?? null })
      : `${email}: ${wanted ?? 'no member'} of ${tenant}`,
  )
}

async function list({ tenant: slug, json }: { tenant?: string; json?: boolean }): Promise<void> {
  const items = await withMeans(({ database }) => database.withAccounts((tx) => listPeople(tx, { slug })))
  processTerminal().print(json === true ? JSON.stringify({ items }) : peopleTable(items))
}

async function withMeans<T>(work: (means: Means) => Promise<T>): Promise<T> {
  const config = readConfig(process.env)
  const database = await openDatabase(config)
  try {
    const hasher = await PasswordHasher.create({
      memoryKib: config.BAYWIRE_HASH_MEMORY_KIB,
      passes: config.BAYWIRE_HASH_PASSES,
      atOnce: 1,
      waiting: 1,
    })
    const means = {
      database: database.tenants('baywire user'),
      hasher,
      rules: passwordRules(config),
      words: wordList(),
    }
    return await explained(() => work(means))
  } finally {
    await database.close()
  }
}
