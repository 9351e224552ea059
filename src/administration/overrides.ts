import { requirePermission, type Actor } from '../auth/principal.ts'
import { Refusal, revisionOutdated } from '../refusal.ts'
import {
  endOverrides,
  insertOverrides,
  presentSpaces,
  readOverride,
  selectOverride,
  selectOverrides,
  updateOverride,
  type Override,
  type OverrideKind,
  type PageOfOverrides,
} from '../store/overrides.ts'
import type { TenantTransaction, TenantWriterTransaction } from '../store/transactions.ts'
import type { SpaceWriter } from '../store/writer.ts'
import { audited } from './audited.ts'
import { notFound } from './place-refusals.ts'
import { endInForce, lockSpaces, userOf, type Stepping } from './stepped-spaces.ts'

/**
 * Overrides: an operator blocks a space or takes it out of service, until a time or for good. The newest one of a space is
 * in force. The row, the step of the space and the audit entry commit together; the jobs role ends what is due.
 */
export interface WantedOverride {
  kind: OverrideKind
  reason: string | null
  endsAt: Date | null
}

export async function listOverrides(tx: TenantTransaction, actor: Actor, page: PageOfOverrides): Promise<Override[]> {
  requirePermission(actor, 'places:read')
  return await selectOverrides(tx, page)
}

export async function readOneOverride(tx: TenantTransaction, actor: Actor, id: string): Promise<Override> {
  requirePermission(actor, 'places:read')
  const found = await selectOverride(tx, id)
  if (found === undefined) throw notFound()
  return found
}

/** At one space, or at each of several: all of them or none. */
export async function override(
  tx: TenantWriterTransaction,
  actor: Actor,
  {
    spaces,
    wanted,
    stepping,
  }: { spaces: { ids: readonly string[]; field: string }; wanted: WantedOverride; stepping: Stepping },
): Promise<Override[]> {
  requirePermission(actor, 'overrides:write')
  const { writer, at } = await lockSpaces(tx, stepping, spaces.ids)
  requireLater(wanted.endsAt, at)
  await requireSpaces(tx, writer, spaces)
  const replaced = await endOverrides(tx, { spaceIds: spaces.ids, at })
  const { kind, reason, endsAt } = wanted
  const made = await insertOverrides(tx, {
    spaceIds: spaces.ids,
    kind,
    reason,
    at,
    endsAt: endsAt?.getTime() ?? null,
    createdBy: `${actor.principal.kind}:${idOf(actor)}`,
  })
  for (const space of writer.spaces) writer.step(space, { kind: 'override', override: kind, at, user: userOf(actor) })
  await writer.writeStates(at)
  await writer.writeEvents(at)
  const [first] = made
  await audited(tx, actor, {
    action: 'override.created',
    target:
      made.length === 1 && first !== undefined
        ? { kind: 'override', id: first.id }
        : { kind: 'tenant', id: tx.tenantId },
    detail: {
      kind,
      ends_at: endsAt?.toISOString() ?? null,
      spaces: spaces.ids,
      overrides: made.map(({ id }) => id),
      replaced: replaced.map(({ id }) => id),
    },
  })
  return made
}

export interface OverrideChange {
  id: string
  revision: number
  fields: { reason?: string | null; endsAt?: Date | null }
  stepping: Stepping
}

/** Another reason, or another end; the space stays as it is. */
export async function changeOverride(
  tx: TenantWriterTransaction,
  actor: Actor,
  { id, revision, fields, stepping }: OverrideChange,
): Promise<Override> {
  requirePermission(actor, 'overrides:write')
  const { found, at } = await lockOne(tx, stepping, id)
  if (found.revision !== revision) throw revisionOutdated()
  if (found.endedAt !== null) throw new Refusal('conflict', 'The override has ended: make another one.')
  const { reason = found.reason, endsAt = found.endsAt } = fields
  if (fields.endsAt !== undefined) requireLater(endsAt, at)
  const changed = await updateOverride(tx, { id, reason, endsAt })
  await audited(tx, actor, {
    action: 'override.changed',
    target: { kind: 'override', id },
    detail: { fields: Object.keys(fields), ends_at: endsAt?.toISOString() ?? null },
  })
  return changed
}

/** Ends it now. One that has ended already stays as it is. */
export async function endOverride(
  tx: TenantWriterTransaction,
  actor: Actor,
  { id, revision, stepping }: { id: string; revision?: number; stepping: Stepping },
): Promise<Override> {
  requirePermission(actor, 'overrides:write')
  const { found, writer, at } = await lockOne(tx, stepping, id)
  if (revision !== undefined && found.revision !== revision) throw revisionOutdated()
  const isOver = found.endedAt !== null
  const ended = isOver ? found : await endInForce(tx, actor, { writer, at, spaceId: found.spaceId })
  await writer.writeStates(at)
  await writer.writeEvents(at)
  if (isOver) return found
  await audited(tx, actor, {
    action: 'override.ended',
    target: { kind: 'override', id },
    detail: { space: found.spaceId },
  })
  return ended ?? found
}

async function lockOne(tx: TenantWriterTransaction, stepping: Stepping, id: string) {
  const seen = await readOverride(tx, id)
  if (seen === undefined) throw notFound()
  const locked = await lockSpaces(tx, stepping, [seen.spaceId])
  const found = await readOverride(tx, id)
  if (found === undefined) throw notFound()
  return { found, ...locked }
}

async function requireSpaces(
  tx: TenantWriterTransaction,
  writer: SpaceWriter,
  { ids, field }: { ids: readonly string[]; field: string },
): Promise<void> {
  const present = await presentSpaces(tx, ids)
  const missing = ids.flatMap((id, index) =>
    present.has(id) && writer.space(id) !== undefined ? [] : [ids.length === 1 ? field : `${field}.${index}`],
  )
  if (missing.length === 0) return
  throw new Refusal('not_found', `There is no such space: see errors.`, {
    errors: missing.map((path) => ({ path, message: 'is the id of no space' })),
  })
}

function requireLater(endsAt: Date | null, now: number): void {
  if (endsAt === null || endsAt.getTime() > now) return
  throw new Refusal('invalid_input', 'Wrong input: see errors.', {
    errors: [{ path: 'ends_at', message: 'must be later than now' }],
  })
}

function idOf({ principal }: Actor): string {
  return principal.kind === 'user' ? principal.userId : principal.apiKeyId
}
