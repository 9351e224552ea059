import { requirePermission, type Actor } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import { topicPattern } from '../mqtt/topic-filter.ts'
import type { PolicyFields } from '../occupancy/policy.ts'
import { Refusal } from '../refusal.ts'
import { dryRun } from '../replay/dry-run.ts'
import type { DryRunReport } from '../replay/dry-run-report.ts'
import type { Outcome } from '../store/books.ts'
import { errorCodeOf } from '../store/connection-error.ts'
import { countSelected, findPlace, spaceIdsAt, type ReadingSelection } from '../store/logged-readings.ts'
import type { SnapshotTransaction, TenantDatabase } from '../store/transactions.ts'
import { unknownReference } from './place-refusals.ts'
import { TenantTurns } from './tenant-turns.ts'

/** Which readings of the tenant's log. Times in epoch milliseconds, [from, to), of arrival. */
export interface ReplayFilter {
  /** An MQTT topic filter. */
  readonly topic?: string | undefined
  readonly device?: string | undefined
  readonly spaceId?: string | undefined
  readonly siteId?: string | undefined
  readonly outcomes?: readonly Outcome[] | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
}

export interface CountedReplay {
  readonly readings: number
  /** Those that the readings reached. */
  readonly spaces: number
  /** Most readings that a dry run takes. */
  readonly most: number
}

export interface DryRunsOptions {
  readonly tenants: Pick<TenantDatabase, 'withTenantSnapshot'>
  readonly clock: Clock
  /** Most readings of one dry run. */
  readonly mostReadings?: number | undefined
  /** Longest that one may take: less than what proxies wait. */
  readonly longestMs?: number | undefined
}

interface Asked {
  readonly filter: ReplayFilter
  /** Aborted when whoever asked has gone. */
  readonly signal: AbortSignal
}

const turns = {
  atOnce: 2,
  refusals: {
    own: 'Another replay of your tenant is running: one at a time.',
    others: 'Others replay at the moment: try again.',
  },
}
/** What was decided before the readings that were asked for is folded too, so that they follow what they followed. */
const inputsPerReading = 10
const statementTimedOut = '57014'

/**
 * Dry runs asked for over HTTP, in the process that answers all the others: so many readings and no more, one at a time of
 * each tenant, and a few in all. They read one tenant's rows and write nothing, not even to the audit log.
 */
export class DryRuns {
  readonly #tenants: DryRunsOptions['tenants']
  readonly #clock: Clock
  readonly #mostReadings: number
  readonly #longestMs: number
  readonly #turns = new TenantTurns(turns)

  constructor({ tenants, clock, mostReadings = 200_000, longestMs = 50_000 }: DryRunsOptions) {
    this.#tenants = tenants
    this.#clock = clock
    this.#mostReadings = mostReadings
    this.#longestMs = longestMs
  }

  async count(actor: Actor, { filter, signal }: Asked): Promise<CountedReplay> {
    return await this.#run(actor, { signal, filter }, async (tx, selection) => {
      const selected = await countSelected(tx, selection)
      const spaces = new Set(selected.flatMap(({ spaceId }) => spaceId ?? []))
      const readings = selected.reduce((sum, { count }) => sum + count, 0)
      return { readings, spaces: spaces.size, most: this.#mostReadings }
    })
  }

  async dryRun(actor: Actor, asked: Asked & { policy: PolicyFields | undefined }): Promise<DryRunReport> {
    return await this.#run(actor, asked, async (tx, selection, signal) => {
      const report = await dryRun(tx, {
        selection,
        policy: asked.policy,
        signal,
        now: this.#clock.now(),
        onCount: (readings) => this.#refuseTooMany(readings),
        onInputs: (inputs) => this.#refuseTooLong(inputs),
      })
      if (report === undefined) throw wrong('no reading is chosen: widen the filter, or ask for another time')
      return report
    })
  }

  async #run<T>(
    actor: Actor,
    { filter, signal }: Asked,
    work: (tx: SnapshotTransaction, selection: ReadingSelection, ends: AbortSignal) => Promise<T>,
  ): Promise<T> {
    requirePermission(actor, 'readings:read')
    const { tenantId } = actor
    const selection = { tenantId, ...selectionOf(filter) }
    return await this.#turns.take(tenantId, () =>
      this.#inTime(signal, (ends) =>
        this.#tenants.withTenantSnapshot(tenantId, async (tx) => {
          const places = await placesOf(tx, filter)
          ends.throwIfAborted()
          return await work(tx, { ...selection, ...places }, ends)
        }),
      ),
    )
  }

  async #inTime<T>(signal: AbortSignal, work: (ends: AbortSignal) => Promise<T>): Promise<T> {
    const late = AbortSignal.timeout(this.#longestMs)
    try {
      return await work(AbortSignal.any([signal, late]))
    } catch (error) {
      if (signal.aborted) throw new Refusal('busy', 'Whoever asked has gone.', { cause: error })
      if (late.aborted || errorCodeOf(error) === statementTimedOut) throw tookTooLong(error)
      throw error
    }
  }

  #refuseTooMany(readings: number): void {
    if (readings <= this.#mostReadings) return
    throw wrong(`${readings} readings are chosen, and at most ${this.#mostReadings} are replayed here: ${narrower}`)
  }

  #refuseTooLong(inputs: number): void {
    const most = this.#mostReadings * inputsPerReading
    if (inputs <= most) return
    throw wrong(`the spaces they reached have ${inputs} inputs to fold, and at most ${most} are here: ${narrower}`)
  }
}

const narrower = 'choose fewer, or use `baywire replay`, which has no limit'

function wrong(message: string): Refusal {
  return new Refusal('unprocessable', `This cannot be replayed: ${message}.`, { errors: [{ path: 'filter', message }] })
}

function tookTooLong(cause: unknown): Refusal {
  const message = `it took too long: ${narrower}`
  return new Refusal('unprocessable', `This cannot be replayed: ${message}.`, {
    errors: [{ path: 'filter', message }],
    cause,
  })
}

function selectionOf({ topic, device, outcomes, from, to }: ReplayFilter): Omit<ReadingSelection, 'tenantId'> {
  if (from !== undefined && to !== undefined && from >= to) throw invalid('from', 'from must be before to')
  const pattern = topic === undefined ? undefined : topicPattern(topic)
  if (topic !== undefined && pattern === undefined) {
    throw invalid('topic', 'is no MQTT topic filter: + stands for a whole level, # for all that follow')
  }
  return { topic: pattern, device, outcomes, since: from, until: to }
}

function invalid(field: keyof ReplayFilter, message: string): Refusal {
  return new Refusal('invalid_input', 'Wrong input: see errors.', { errors: [{ path: `filter.${field}`, message }] })
}

async function placesOf(
  tx: SnapshotTransaction,
  { spaceId, siteId }: ReplayFilter,
): Promise<Pick<ReadingSelection, 'spaceIds'>> {
  if (siteId !== undefined && !(await findPlace(tx, { kind: 'sites', id: siteId }))) {
    throw unknownReference('filter.site_id')
  }
  if (spaceId !== undefined && !(await findPlace(tx, { kind: 'spaces', id: spaceId }))) {
    throw unknownReference('filter.space_id')
  }
  if (spaceId === undefined && siteId === undefined) return {}
  return { spaceIds: await spaceIdsAt(tx, { spaceId, siteId }) }
}
