import { readFile } from 'node:fs/promises'
import { InvalidArgumentError, type Command } from 'commander'
import { BaywireError, UsageError, describeError } from '../../errors.ts'
import { topicPattern } from '../../mqtt/topic-filter.ts'
import { policyFieldsSchema, type PolicyFields } from '../../occupancy/policy.ts'
import type { ReadingFilter } from '../../replay/filter.ts'
import { outcomes, type Outcome } from '../../store/books.ts'
import { findSpaceIds, type ReadingSelection } from '../../store/logged-readings.ts'
import type { SystemTransaction } from '../../store/transactions.ts'
import type { OpenDatabase } from '../open.ts'
import { commaList, parseCode } from '../options.ts'
import { parseTimeOption } from '../time-option.ts'

/** Which readings, as options of a command say it. */
export interface FilterOptions {
  topic?: string
  tenant?: string
  site?: string
  space?: { site?: string; space: string }
  device?: string
  outcome?: Outcome[]
  since?: number
  until?: number
}

export function addFilter(command: Command): Command {
  return addArrivalFilter(command)
    .option('--site <code>', 'that reached this site', parseCode)
    .option('--since <time>', 'that arrived from then on, RFC 3339', parseTimeOption)
    .option('--until <time>', 'that arrived before then, RFC 3339', parseTimeOption)
}

/** What is told apart as readings arrive. */
export function addArrivalFilter(command: Command): Command {
  return command
    .option('--topic <filter>', 'whose topic this MQTT filter takes, as parking/v1/+/gateways/#', parseTopicFilter)
    .option('--tenant <slug>', 'of this tenant alone')
    .option('--space <site/space>', 'that reached this space, as harbour/A-17', parseSpace)
    .option('--device <code>', 'of this device', parseCode)
    .option('--outcome <list>', `with one of these outcomes: ${outcomes.join(', ')}`, parseOutcomes)
}

/** A site that is named twice must be the same. */
export function filterOf(options: FilterOptions): ReadingFilter {
  const { topic, tenant, site, space, device, outcome, since, until } = options
  if (since !== undefined && until !== undefined && since >= until) {
    throw new UsageError('--since must be before --until', 'the range of time is the wrong way round, or empty')
  }
  if (space?.site !== undefined && site !== undefined && space.site !== site) {
    throw new UsageError(`--space is at site "${space.site}", and --site is "${site}"`)
  }
  return { topic, tenant, site: space?.site ?? site, space: space?.space, device, outcomes: outcome, since, until }
}

/** The filter by the ids of this database. */
export async function selectionOf(
  database: OpenDatabase,
  tx: SystemTransaction,
  { tenant, site, space, ...same }: ReadingFilter,
): Promise<ReadingSelection> {
  const tenantId = await tenantIdOf(database, tenant)
  if (site === undefined && space === undefined) return { ...same, tenantId }
  const spaceIds = await findSpaceIds(tx, { tenantId, site, space })
  if (spaceIds.length === 0) {
    const place = space === undefined ? `site "${site}"` : `space "${[site, space].filter(Boolean).join('/')}"`
    throw new BaywireError(`there is no ${place}`, { advice: 'check --tenant, --site and --space' })
  }
  return { ...same, tenantId, spaceIds }
}

export async function tenantIdOf(database: OpenDatabase, tenant: string | undefined): Promise<string | undefined> {
  if (tenant === undefined) return undefined
  const known = await database.tenants('baywire replay').tenantBySlug(tenant)
  if (known === undefined) throw new BaywireError(`there is no tenant "${tenant}"`, { advice: 'check --tenant' })
  return known.id
}

export function noneChosen(): BaywireError {
  return new BaywireError('no reading is chosen', {
    advice: 'check the filters; `baywire ledger` says how many readings a tenant has',
  })
}

export async function readPolicy(path: string): Promise<PolicyFields> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new UsageError(`--policy: ${path} cannot be read: ${describeError(error)}`)
  }
  const parsed = policyFieldsSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new UsageError(
    `--policy: ${path}: ${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'cannot be read'}`,
    'give fields of a policy, as {"debounce": {"readings": 2, "hold_s": 10}}',
  )
}

function parseTopicFilter(text: string): string {
  const pattern = topicPattern(text)
  if (pattern === undefined) {
    throw new InvalidArgumentError('must be an MQTT topic filter: + stands for one level, # for all that follow')
  }
  return pattern
}

function parseSpace(text: string): { site?: string; space: string } {
  const [first = '', second, ...rest] = text.split('/')
  if (rest.length > 0) throw new InvalidArgumentError('must be SITE/SPACE, by their codes')
  return second === undefined ? { space: parseCode(first) } : { site: parseCode(first), space: parseCode(second) }
}

function parseOutcomes(text: string): Outcome[] {
  return commaList(text).map((name) => {
    const outcome = outcomes.find((one) => one === name)
    if (outcome === undefined) throw new InvalidArgumentError(`must be some of ${outcomes.join(', ')}`)
    return outcome
  })
}
