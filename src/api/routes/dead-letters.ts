import { countDeadLettersByReason, listDeadLetters, readDeadLetter } from '../../administration/dead-letters.ts'
import type { Clock } from '../../clock.ts'
import { payloadBody } from '../../explain/body.ts'
import type { FoundMessage, FoundPart, ListedLetter } from '../../store/dead-letter-search.ts'
import { deadOutcomes, type ListedOutcome } from '../../store/dead-letters.ts'
import { isDead } from '../../store/redrive-attempts.ts'
import type { Api } from '../app.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { countRoute, listRoute, readRoute } from './dead-letters-descriptions.ts'
import { logCursor, logKey } from './log-cursor.ts'
import { openPeriodOf } from './period.ts'

const LIST = 'dead-letters'
const KINDS = 200
/** So long one page is searched for: less than a request may wait for the database. */
const SEARCH_MS = 3000

export function addDeadLetterRoutes(app: Api, options: SignedInOptions & { clock: Clock }): void {
  app.openapi(listRoute, async (c) => {
    const { limit, cursor, ...query } = c.req.valid('query')
    const before = cursor === undefined ? undefined : logKey(LIST, cursor)
    const page = { ...queryOf(query, options), before, limit, signal: AbortSignal.timeout(SEARCH_MS) }
    const { rows, next } = await inOwnTenant(c, options, (tx, actor) => listDeadLetters(tx, actor, page))
    return c.json({ items: rows.map(letterBody), next: next === undefined ? null : logCursor(LIST, next) }, 200)
  })

  // Before the one with an id: this is none.
  app.openapi(countRoute, async (c) => {
    const query = { ...queryOf(c.req.valid('query'), options), limit: KINDS }
    const { counts, total } = await inOwnTenant(c, options, (tx, actor) => countDeadLettersByReason(tx, actor, query))
    return c.json({ items: counts, total }, 200)
  })

  app.openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param')
    return c.json(messageBody(await inOwnTenant(c, options, (tx, actor) => readDeadLetter(tx, actor, id))), 200)
  })
}

interface Query {
  outcome?: ListedOutcome[] | undefined
  device?: string | undefined
  topic?: string | undefined
  from?: string | undefined
  to?: string | undefined
}

function queryOf(
  { outcome: outcomes = [...deadOutcomes], device, topic, from, to }: Query,
  { clock }: { clock: Clock },
) {
  return { outcomes, device, topic, ...openPeriodOf({ from, to }, clock) }
}

const time = (at: number) => new Date(at).toISOString()
const orNull = (at: number | null) => (at === null ? null : time(at))

function letterBody(letter: ListedLetter) {
  const { id, part, topic, device, delivery, outcome, reason, attempts } = letter
  return {
    id,
    part,
    received_at: time(letter.receivedAt),
    observed_at: orNull(letter.observedAt),
    topic,
    device,
    delivery,
    outcome,
    reason,
    attempts,
    last_outcome: letter.lastOutcome,
    last_reason: letter.lastReason,
    payload: payloadBody(letter.payload, letter.bytes),
  }
}

function messageBody({ id, receivedAt, topic, delivery, payload, bytes, parts }: FoundMessage) {
  return {
    id,
    received_at: time(receivedAt),
    topic,
    delivery,
    payload: payloadBody(payload, bytes),
    parts: parts.map(partBody),
  }
}

function partBody({ part, device, observedAt, outcome, reason, attempts }: FoundPart) {
  const isSettled = attempts.some((attempt) => attempt.outcome !== null && !isDead(attempt.outcome))
  return {
    part,
    device,
    observed_at: orNull(observedAt),
    outcome,
    reason,
    dead: isDead(outcome) && !isSettled,
    attempts: attempts.map(({ attempt, by, startedAt, endedAt, outcome: became, reason: why }) => ({
      attempt,
      by,
      started_at: time(startedAt),
      ended_at: orNull(endedAt),
      outcome: became,
      reason: why,
    })),
  }
}
