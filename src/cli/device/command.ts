import type { Command } from 'commander'
import { readConfig } from '../../config.ts'
import { UsageError } from '../../errors.ts'
import type { CredentialOwner } from '../../store/credentials.ts'
import { inTenant } from '../../store/provision.ts'
import { listSpeakers } from '../../store/speaker-list.ts'
import {
  addSpeaker,
  limitGateway,
  revokeSpeaker,
  rotateSpeaker,
  type GatewayLimits,
  type Place,
} from '../../store/speakers.ts'
import type { TenantTransaction } from '../../store/transactions.ts'
import { openDatabase } from '../open.ts'
import { parseCode } from '../options.ts'
import { processTerminal } from '../terminal.ts'
import { parseLimit, parsePlace } from './options.ts'
import { speakerTable } from './speaker-table.ts'

interface Options {
  tenant: string
  device?: string
  gateway?: string
  app?: string
  json?: boolean
}
interface LimitOptions extends Options {
  messagesPerS?: number | 'default'
  inFlight?: number | 'default'
}
interface AddOptions extends LimitOptions {
  space?: Place
}

const examples = `
Example:
  $ baywire device add --tenant city --device A-17 --space main/A-17
  $ baywire device rotate --tenant city --device A-17
  $ baywire device revoke --tenant city --gateway roof
  $ baywire device list --tenant city`

export function addDevice(program: Command): void {
  const device = program
    .command('device')
    .description('credentials of devices, gateways and apps')
    .addHelpText('after', examples)
  const named = (name: string, description: string) =>
    withNames(device.command(name)).description(description).option('--json', 'as JSON')
  limited(named('add', 'make one where it is missing, and its credential; the secret is shown once'))
    .option('--space <site/space>', 'where the device stands', parsePlace)
    .addHelpText('after', '\nExample:\n  $ baywire device add --tenant city --device A-17 --space main/A-17 --json')
    .action(add)
  named('rotate', 'a new secret in place of the old one, whose session ends')
    .addHelpText('after', '\nExample:\n  $ baywire device rotate --tenant city --device A-17')
    .action(rotate)
  named('revoke', 'end the credential, and the session with it')
    .addHelpText('after', '\nExample:\n  $ baywire device revoke --tenant city --app dashboard')
    .action(revoke)
  limited(named('limit', 'what a gateway may send to the embedded broker'))
    .addHelpText('after', '\nExample:\n  $ baywire device limit --tenant city --gateway roof --messages-per-s 500')
    .action(limit)
  named('list', 'all of them, or the one that is named: where it stands, its credential, and when it was heard')
    .addHelpText('after', '\nExample:\n  $ baywire device list --tenant city')
    .action(list)
}

function withNames(command: Command): Command {
  return command
    .requiredOption('--tenant <code>', 'whose it is', parseCode)
    .option('--device <code>', 'a device', parseCode)
    .option('--gateway <code>', 'a gateway', parseCode)
    .option('--app <code>', 'an app, which may read state and availability', parseCode)
}

function limited(command: Command): Command {
  return command
    .option('--messages-per-s <number>', 'of a gateway, on average; `default` for the setting', parseLimit(1_000_000))
    .option('--in-flight <number>', 'unacknowledged messages of a gateway, likewise', parseLimit(65_535))
}

async function add({ space, ...options }: AddOptions): Promise<void> {
  const owner = ownerOf(options)
  if (space !== undefined && owner.kind !== 'devices') throw new UsageError('--space is for a --device')
  const limits = limitsFor(owner, options)
  const secret = await inTheTenant(options, (tx) => addSpeaker(tx, owner, { at: space, limits }))
  showSecret(options, { owner, secret })
}

async function rotate(options: Options): Promise<void> {
  const owner = ownerOf(options)
  showSecret(options, { owner, secret: await inTheTenant(options, (tx) => rotateSpeaker(tx, owner)) })
}

async function revoke(options: Options): Promise<void> {
  const owner = ownerOf(options)
  await inTheTenant(options, (tx) => revokeSpeaker(tx, owner))
  const username = usernameOf(options, owner)
  processTerminal().print(options.json === true ? JSON.stringify({ username, revoked: true }) : `${username}: revoked`)
}

async function limit(options: LimitOptions): Promise<void> {
  const owner = ownerOf(options)
  const wanted = limitsFor(owner, options)
  if (wanted.messagesPerS === undefined && wanted.inFlight === undefined) {
    throw new UsageError('nothing to change', 'give --messages-per-s, --in-flight or both')
  }
  const [listed] = await inTheTenant(options, async (tx) => {
    await limitGateway(tx, owner.code, wanted)
    return await listSpeakers(tx, owner)
  })
  const limits = { messages_per_s: listed?.messages_per_s ?? null, in_flight: listed?.in_flight ?? null }
  const username = usernameOf(options, owner)
  if (options.json === true) processTerminal().print(JSON.stringify({ username, ...limits }))
  else {
    const said = Object.entries(limits).map(([name, value]) => `${name} ${value ?? 'as the setting says'}`)
    processTerminal().print(`${username}: ${said.join(', ')}`)
  }
}

async function list(options: Options): Promise<void> {
  const owner = namesIn(options) === 0 ? {} : ownerOf(options)
  const items = await inTheTenant(options, (tx) => listSpeakers(tx, owner))
  processTerminal().print(options.json === true ? JSON.stringify({ items }) : speakerTable(items))
}

async function inTheTenant<T>({ tenant }: Options, work: (tx: TenantTransaction) => Promise<T>): Promise<T> {
  const database = await openDatabase(readConfig(process.env))
  try {
    return await inTenant(database.tenants('baywire device'), { slug: tenant }, work)
  } finally {
    await database.close()
  }
}

function namesIn({ device, gateway, app }: Options): number {
  return [device, gateway, app].filter((code) => code !== undefined).length
}

function ownerOf(options: Options): CredentialOwner {
  if (namesIn(options) !== 1) throw new UsageError('one of --device, --gateway and --app is needed, and one alone')
  const { device, gateway, app = '' } = options
  if (device !== undefined) return { kind: 'devices', code: device }
  return gateway === undefined ? { kind: 'apps', code: app } : { kind: 'gateways', code: gateway }
}

function limitsFor({ kind }: CredentialOwner, { messagesPerS, inFlight }: LimitOptions): GatewayLimits {
  if (kind !== 'gateways' && (messagesPerS !== undefined || inFlight !== undefined)) {
    throw new UsageError('--messages-per-s and --in-flight are for a --gateway')
  }
  return { messagesPerS: nullForDefault(messagesPerS), inFlight: nullForDefault(inFlight) }
}

function nullForDefault(given: number | 'default' | undefined): number | null | undefined {
  return given === 'default' ? null : given
}

function usernameOf({ tenant }: Options, { kind, code }: CredentialOwner): string {
  return `${tenant}/${kind}/${code}`
}

function showSecret(options: Options, { owner, secret }: { owner: CredentialOwner; secret: string }): void {
  const username = usernameOf(options, owner)
  const terminal = processTerminal()
  if (options.json === true) terminal.print(JSON.stringify({ username, client_id: username, secret }))
  else {
    terminal.print(`username and client id: ${username}\nsecret: ${secret}`)
    terminal.note('The secret is not kept and cannot be shown again.')
  }
}
