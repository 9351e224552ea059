import { requirePermission, type Actor } from '../auth/principal.ts'
import { newId } from '../ids.ts'
import { Refusal } from '../refusal.ts'
import {
  countOpenRedrives,
  insertRedrive,
  requestCancel,
  selectRedrive,
  selectRedrives,
  type RedriveStatus,
  type RequestedRedrive,
  type WantedRedrive,
} from '../store/redrive-requests.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { audited } from './audited.ts'
import { notFound } from './place-refusals.ts'
import { requireTopicPattern } from './topic-filters.ts'

/**
 * Redrives of dead letters: asked for here, and done by a process with the ingest role, since this one knows nothing of how
 * readings are taken in. Of a tenant one is under way at a time; the others wait.
 */
const mostOpen = 10
const retryAfterS = 30

export async function requestRedrive(
  tx: TenantTransaction,
  actor: Actor,
  wanted: WantedRedrive,
): Promise<RequestedRedrive> {
  requirePermission(actor, 'readings:redrive')
  requireFilter(wanted)
  if ((await countOpenRedrives(tx)) >= mostOpen) {
    const detail = `${mostOpen} redrives are under way or wait already: cancel one, or wait for their end.`
    throw new Refusal('too_many_requests', detail, { retryAfterS })
  }
  const id = newId()
  await insertRedrive(tx, { ...wanted, id, requestedBy: nameOf(actor) })
  const made = await redriveOf(tx, id)
  const { filter, execute, force, expectedLetters } = wanted
  await audited(tx, actor, {
    action: 'redrive.requested',
    target: { kind: 'redrive', id },
    detail: { filter, execute, force, expected_letters: expectedLetters },
  })
  return made
}

export async function listRedrives(
  tx: TenantTransaction,
  actor: Actor,
  page: { before: string | undefined; limit: number; status: RedriveStatus | undefined },
): Promise<RequestedRedrive[]> {
  requirePermission(actor, 'readings:read')
  return await selectRedrives(tx, page)
}

export async function readRedrive(tx: TenantTransaction, actor: Actor, id: string): Promise<RequestedRedrive> {
  requirePermission(actor, 'readings:read')
  return await redriveOf(tx, id)
}

/** Asks for its end; what it has done stays. One that has ended stays as it is. */
export async function cancelRedrive(tx: TenantTransaction, actor: Actor, id: string): Promise<RequestedRedrive> {
  requirePermission(actor, 'readings:redrive')
  const isNew = await requestCancel(tx, id)
  const redrive = await redriveOf(tx, id)
  if (isNew) {
    const detail = { letters_done: redrive.lettersDone }
    await audited(tx, actor, { action: 'redrive.cancelled', target: { kind: 'redrive', id }, detail })
  }
  return redrive
}

async function redriveOf(tx: TenantTransaction, id: string): Promise<RequestedRedrive> {
  const found = await selectRedrive(tx, id)
  if (found === undefined) throw notFound()
  return found
}

function requireFilter({ filter: { topic, from, to } }: WantedRedrive): void {
  if (topic !== undefined) requireTopicPattern(topic, 'filter.topic')
  if (from === undefined || to === undefined || Date.parse(from) < Date.parse(to)) return
  throw new Refusal('invalid_input', 'Wrong input: see errors.', {
    errors: [{ path: 'filter.from', message: 'must be before filter.to' }],
  })
}

function nameOf({ principal }: Actor): string {
  return principal.kind === 'user' ? `user:${principal.userId}` : `api_key:${principal.apiKeyId}`
}
