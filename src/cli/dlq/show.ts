import { isUtf8 } from 'node:buffer'
import { InvalidArgumentError, type Command } from 'commander'
import { readConfig } from '../../config.ts'
import { BaywireError } from '../../errors.ts'
import { readMessage, type LoggedMessage } from '../../store/dead-message.ts'
import { readOriginals } from '../../store/redrive-attempts.ts'
import type { SystemTransaction } from '../../store/transactions.ts'
import { openDatabase } from '../open.ts'
import { processTerminal } from '../terminal.ts'
import { tenantIdOf } from './options.ts'
import { printable } from './printable.ts'

interface Wanted {
  id: string
  part: number | undefined
}

export function addShow(dlq: Command): void {
  dlq
    .command('show')
    .description('all that is known of one message, or of one reading of it')
    .argument('<id[/part]>', 'as `dlq list` prints it', parseWanted)
    .option('--tenant <slug>', 'of this tenant alone')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  baywire dlq show 019ac0e2-7d3e-7b1c-9f0a-3f6b1d2c4e5f/0')
    .action(show)
}

async function show(wanted: Wanted, { tenant, json }: { tenant?: string; json?: boolean }): Promise<void> {
  const database = await openDatabase(readConfig(process.env))
  try {
    const tenantId = await tenantIdOf(database, tenant === undefined ? {} : { tenant })
    const message = await database
      .system('baywire dlq show', { statementTimeoutMs: 0 })
      .withSnapshot((tx) => read(tx, { ...wanted, tenantId }))
    const shown = json === true ? JSON.stringify(forMachines(message)) : forPeople(message)
    processTerminal().print(shown)
  } finally {
    await database.close()
  }
}

async function read(
  tx: SystemTransaction,
  { id, part, tenantId }: Wanted & { tenantId: string | undefined },
): Promise<LoggedMessage> {
  const message = await readMessage(tx, { id, tenantId })
  const parts = message?.parts.filter((one) => part === undefined || one.part === part) ?? []
  if (message === undefined || parts.length === 0) {
    throw new BaywireError(`the log has no reading ${id}${part === undefined ? '' : `/${part}`}`, {
      advice: 'take the id from `baywire dlq list`; a message is gone once its day was dropped from the log',
    })
  }
  if (message.delivery !== 'redrive') return { ...message, parts }
  const original = (await readOriginals(tx, [id])).get(id)
  throw new BaywireError(`${id} was logged by a redrive`, { advice: `its original is ${original ?? 'unknown'}` })
}

const time = (milliseconds: number | null) => (milliseconds === null ? null : new Date(milliseconds).toISOString())

function forMachines({ id, tenant, topic, receivedAt, delivery, payload, parts }: LoggedMessage) {
  return {
    id,
    tenant,
    topic,
    delivery,
    received_at: time(receivedAt),
    payload_text: isUtf8(payload) ? payload.toString() : null,
    payload_hex: payload.toString('hex'),
    parts: parts.map(({ observedAt, attempts, ...part }) => ({
      ...part,
      observed_at: time(observedAt),
      attempts: attempts.map(({ startedAt, endedAt, ...attempt }) => ({
        ...attempt,
        started_at: time(startedAt),
        ended_at: time(endedAt),
      })),
    })),
  }
}

function forPeople({ id, tenant, topic, receivedAt, delivery, payload, parts }: LoggedMessage): string {
  const rows: [string, string][] = [
    ['message', id],
    ['tenant', tenant],
    ['topic', printable(topic)],
    ['received', time(receivedAt) ?? ''],
    ...(delivery === null ? [] : [['delivered', delivery] satisfies [string, string]]),
    ['bytes', String(payload.length)],
    ['text', isUtf8(payload) ? printable(payload.toString()) : 'not UTF-8'],
    ['hex', payload.toString('hex')],
    ...parts.flatMap(partRows),
  ]
  return rows.map(([name, value]) => `${name.padEnd(11)} ${value}`).join('\n')
}

function because(reason: string | null): string {
  return reason === null ? '' : `: ${printable(reason)}`
}

function partRows({ part, device, observedAt, outcome, reason, attempts }: LoggedMessage['parts'][number]) {
  const tried = attempts.map(({ attempt, by, startedAt, outcome: became, reason: why }): [string, string] => [
    `  attempt ${attempt}`,
    `${time(startedAt)} by ${printable(by)}, ${became ?? 'cut off, or being made'}${because(why)}`,
  ])
  const rows: [string, string][] = [
    [`part ${part}`, `${outcome}${because(reason)}`],
    ['  device', device ?? 'unknown'],
    ['  observed', time(observedAt) ?? 'unknown'],
  ]
  return [...rows, ...tried]
}

const wantedPattern = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\/(\d{1,9}))?$/i

function parseWanted(text: string): Wanted {
  const [, id, part] = wantedPattern.exec(text) ?? []
  if (id === undefined) throw new InvalidArgumentError('must be an id, or an id and a part, as `dlq list` prints them')
  return { id: id.toLowerCase(), part: part === undefined ? undefined : Number(part) }
}
