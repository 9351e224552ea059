import { requirePermission, type Actor } from '../auth/principal.ts'
import { Refusal } from '../refusal.ts'
import {
  beginAssignment,
  endAssignment,
  holdSpace,
  readStanding,
  selectAssignments,
  type Assignment,
  type Standing,
} from '../store/assignments.ts'
import { lockDevice, raiseDeviceRevision, selectDevice, type Device } from '../store/devices.ts'
import { takeProvisioning } from '../store/provision-lock.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { audited } from './audited.ts'
import { notFound, unknownReference } from './place-refusals.ts'

/**
 * Where devices stand. What was committed stays as it is: a time in the past moves no reading that has arrived, it is for
 * those that come late, are redriven, or carry their own time. Nothing begins or ends before the last change, so the
 * history is a line; nor before another device of its code was deleted: what was said until then is not its own. Locks: the
 * device, then the space.
 */
export interface Move {
  id: string
  /** Epoch milliseconds; -Infinity for always. */
  at?: number | undefined
}

export async function move(
  tx: TenantTransaction,
  actor: Actor,
  { id, spaceId, at }: Move & { spaceId: string },
): Promise<void> {
  await takeProvisioning(tx)
  const device = await lockDevice(tx, id)
  if (device === undefined) throw notFound()
  const placed = await place(tx, { deviceId: id, spaceId, at })
  if (placed === undefined) return
  await raiseDeviceRevision(tx, id)
  const detail = { code: device.code, space_id: spaceId, ...placed }
  await audited(tx, actor, { action: 'device.assigned', target: { kind: 'device', id }, detail })
}

/**
 * Puts a locked device at a space, without `at` from now on, or where it never stood anywhere, since its code is its own: then
 * readings that came before anybody said where it stands can be redriven. Undefined where it stands there already.
 */
export async function place(
  tx: TenantTransaction,
  { deviceId, spaceId, at }: { deviceId: string; spaceId: string; at?: number | undefined },
): Promise<{ from_space_id: string | null; at: string | null } | undefined> {
  if (!(await holdSpace(tx, spaceId))) throw unknownReference('space_id')
  const standing = await readStanding(tx, deviceId)
  const from = timeOfChange(standing, at)
  if (standing.spaceId === spaceId) return undefined
  if (standing.spaceId !== undefined) await endAssignment(tx, { deviceId, at: from })
  await beginAssignment(tx, { deviceId, spaceId, at: from })
  return { from_space_id: standing.spaceId ?? null, at: timeOrAlways(from) }
}

export async function takeAway(tx: TenantTransaction, actor: Actor, { id, at }: Move): Promise<void> {
  await takeProvisioning(tx)
  const device = await lockDevice(tx, id)
  if (device === undefined) throw notFound()
  const standing = await readStanding(tx, id)
  const until = timeOfChange(standing, at)
  if (standing.spaceId === undefined) return
  await endAssignment(tx, { deviceId: id, at: until })
  await raiseDeviceRevision(tx, id)
  const detail = { code: device.code, space_id: standing.spaceId, at: timeOrAlways(until) }
  await audited(tx, actor, { action: 'device.unassigned', target: { kind: 'device', id }, detail })
}

function timeOfChange({ spaceId, changedAt, ownCodeSince, now }: Standing, at: number | undefined): number {
  const neverStood = changedAt <= ownCodeSince && spaceId === undefined
  if (at === undefined) return neverStood ? ownCodeSince : Math.max(now, changedAt)
  if (at > now) {
    const errors = [{ path: 'at', message: 'is in the future' }]
    throw new Refusal('invalid_input', 'A device cannot be moved in the future.', { errors })
  }
  const earliest = neverStood ? ownCodeSince : changedAt
  if (at < earliest) {
    const errors = [{ path: 'at', message: `must be ${new Date(earliest).toISOString()} or later` }]
    throw new Refusal('conflict', 'That is before the last change of where the device stands.', { errors })
  }
  return at
}

function timeOrAlways(time: number): string | null {
  return time === -Infinity ? null : new Date(time).toISOString()
}

export async function listAssignments(
  tx: TenantTransaction,
  actor: Actor,
  { id, ...page }: { id: string; after: string | undefined; limit: number },
): Promise<Assignment[]> {
  requirePermission(actor, 'devices:read')
  await deviceThatIsThere(tx, id)
  return await selectAssignments(tx, { deviceId: id, ...page })
}

/** @throws Refusal `not_found` */
export async function deviceThatIsThere(tx: TenantTransaction, id: string): Promise<Device> {
  const device = await selectDevice(tx, id)
  if (device === undefined) throw notFound()
  return device
}
