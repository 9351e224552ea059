import { InvalidArgumentError, type Command } from 'commander'
import { BaywireError } from '../../errors.ts'
import { topicPattern } from '../../mqtt/topic-filter.ts'
import { listedOutcomes, type DeadLetterFilter, type ListedOutcome } from '../../store/dead-letters.ts'
import type { OpenDatabase } from '../open.ts'
import { commaList, parseCode } from '../options.ts'
import { parseTimeOption } from '../time-option.ts'

/** Which dead letters, as all commands take it. */
export interface FilterOptions {
  tenant?: string
  outcome?: ListedOutcome[]
  device?: string
  topic?: string
  since?: number
  until?: number
}

export function addFilter(command: Command): Command {
  return command
    .option('--tenant <slug>', 'of this tenant alone')
    .option('--outcome <list>', `of these alone: ${listedOutcomes.join(', ')} (default: the first four)`, parseOutcomes)
    .option('--device <code>', 'of this device alone', parseCode)
    .option('--topic <filter>', 'whose topic this MQTT filter takes, as parking/v1/+/gateways/#', parseTopicFilter)
    .option('--since <time>', 'that arrived from then on, RFC 3339', parseTimeOption)
    .option('--until <time>', 'that arrived before then, RFC 3339', parseTimeOption)
}

export async function filterOf(database: OpenDatabase, options: FilterOptions): Promise<DeadLetterFilter> {
  const { outcome: outcomes, device, topic, since, until } = options
  return { tenantId: await tenantIdOf(database, options), outcomes, device, topic, since, until }
}

export async function tenantIdOf(database: OpenDatabase, { tenant }: FilterOptions): Promise<string | undefined> {
  if (tenant === undefined) return undefined
  const known = await database.tenants('baywire dlq').tenantBySlug(tenant)
  if (known === undefined) throw new BaywireError(`there is no tenant "${tenant}"`, { advice: 'check --tenant' })
  return known.id
}

function parseOutcomes(text: string): ListedOutcome[] {
  return commaList(text).map((name) => {
    const outcome = listedOutcomes.find((one) => one === name)
    if (outcome === undefined) throw new InvalidArgumentError(`must be some of ${listedOutcomes.join(', ')}`)
    return outcome
  })
}

function parseTopicFilter(text: string): string {
  const pattern = topicPattern(text)
  if (pattern === undefined) {
    throw new InvalidArgumentError('must be an MQTT topic filter: + stands for one level, # for all that follow')
  }
  return pattern
}
