import { requirePermission, type Actor } from '../auth/principal.ts'
import { decodeDetails, type ReadingDetails } from '../decode/details.ts'
import { Refusal, revisionOutdated } from '../refusal.ts'
import { readStanding } from '../store/assignments.ts'
import {
  insertDevice,
  lockDevice,
  removeDevice,
  renameDevice,
  selectDevices,
  selectPayload,
  type Device,
} from '../store/devices.ts'
import { removeOrphan } from '../store/orphans.ts'
import { takeProvisioning } from '../store/provision-lock.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { deviceThatIsThere, move, place, takeAway, type Move } from './assignments.ts'
import { audited } from './audited.ts'
import { issueCredential, issueFirst, revoke, rotate, type IssuedCredential, type Speaker } from './credentials.ts'
import { notFound, orTaken } from './place-refusals.ts'

/** A device with what it said of itself in its newest reading. */
export type DeviceWithDetails = Device & ReadingDetails

/** Details stand in the list where the payload is beside the reading: those of gateways' messages are left out. */
export async function listDevices(
  tx: TenantTransaction,
  actor: Actor,
  page: Parameters<typeof selectDevices>[1],
): Promise<DeviceWithDetails[]> {
  requirePermission(actor, 'devices:read')
  const devices = await selectDevices(tx, page)
  return devices.map((device) => withDetails(device, device.newest?.payload ?? null))
}

export async function readDevice(tx: TenantTransaction, actor: Actor, id: string): Promise<DeviceWithDetails> {
  requirePermission(actor, 'devices:read')
  return await detailed(tx, id)
}

async function detailed(tx: TenantTransaction, id: string): Promise<DeviceWithDetails> {
  const device = await deviceThatIsThere(tx, id)
  const { newest } = device
  return withDetails(device, newest === null ? null : (newest.payload ?? (await selectPayload(tx, newest))))
}

function withDetails(device: Device, payload: string | null): DeviceWithDetails {
  return { ...device, ...decodeDetails(payload, device.newest?.part ?? 0) }
}

export interface NewDevice {
  code: string
  name: string | null
  spaceId?: string | undefined
  /** With a credential. */
  provision: boolean
}

export interface MadeDevice {
  device: DeviceWithDetails
  credentials: IssuedCredential | undefined
}

export async function createDevice(tx: TenantTransaction, actor: Actor, wanted: NewDevice): Promise<MadeDevice> {
  requirePermission(actor, 'devices:write')
  await takeProvisioning(tx)
  const made = await makeDevice(tx, wanted)
  await auditedAsMade(tx, actor, { made, action: 'device.created' })
  return made
}

/** Under the lock of provisioning. To be audited by whoever calls it. */
export async function makeDevice(
  tx: TenantTransaction,
  { code, name, spaceId, provision }: NewDevice,
): Promise<MadeDevice> {
  const id = await orTaken('code', insertDevice(tx, { code, name }))
  await removeOrphan(tx, code)
  if (spaceId !== undefined) await place(tx, { deviceId: id, spaceId })
  const credentials = provision ? await issueCredential(tx, { kind: 'devices', code }) : undefined
  return { device: await detailed(tx, id), credentials }
}

export async function auditedAsMade(
  tx: TenantTransaction,
  actor: Actor,
  { made: { device, credentials }, action }: { made: MadeDevice; action: string },
): Promise<void> {
  const { id, code, space_id } = device
  const detail = { code, space_id, provisioned: credentials !== undefined }
  await audited(tx, actor, { action, target: { kind: 'device', id }, detail })
}

interface Expected {
  id: string
  /** As `If-Match` says. */
  revision: number
}

export async function changeDevice(
  tx: TenantTransaction,
  actor: Actor,
  { id, revision, fields }: Expected & { fields: { name?: string | null | undefined } },
): Promise<DeviceWithDetails> {
  requirePermission(actor, 'devices:write')
  const { code } = await lockExpected(tx, { id, revision })
  await renameDevice(tx, { id, name: fields.name })
  await audited(tx, actor, {
    action: 'device.changed',
    target: { kind: 'device', id },
    detail: { code, fields: Object.keys(fields) },
  })
  return await detailed(tx, id)
}

/** Its code may be that of another device from then on; the log keeps what the two of them said apart by their ids. */
export async function deleteDevice(tx: TenantTransaction, actor: Actor, expected: Expected): Promise<void> {
  requirePermission(actor, 'devices:write')
  await takeProvisioning(tx)
  const { code } = await lockExpected(tx, expected)
  const { id } = expected
  const { spaceId } = await readStanding(tx, id)
  if (spaceId !== undefined) {
    throw new Refusal('in_use', `The device stands at the space with the id ${spaceId}: unassign it first.`)
  }
  await removeDevice(tx, id)
  // One that ingest added while the device was being made would come to light again.
  await removeOrphan(tx, code)
  await audited(tx, actor, { action: 'device.deleted', target: { kind: 'device', id }, detail: { code } })
}

async function lockExpected(tx: TenantTransaction, { id, revision }: Expected): Promise<{ code: string }> {
  const device = await lockDevice(tx, id)
  if (device === undefined) throw notFound()
  if (device.revision !== revision) throw revisionOutdated()
  return device
}

export async function provisionDevice(tx: TenantTransaction, actor: Actor, id: string): Promise<IssuedCredential> {
  return await issueFirst(tx, actor, await speaker(tx, actor, id))
}

export async function rotateDevice(tx: TenantTransaction, actor: Actor, id: string): Promise<IssuedCredential> {
  return await rotate(tx, actor, await speaker(tx, actor, id))
}

export async function revokeDevice(tx: TenantTransaction, actor: Actor, id: string): Promise<DeviceWithDetails> {
  await revoke(tx, actor, await speaker(tx, actor, id))
  return await detailed(tx, id)
}

/** Moves the device there from wherever it stands. To where it stands already is no change. */
export async function assignDevice(
  tx: TenantTransaction,
  actor: Actor,
  wanted: Move & { spaceId: string },
): Promise<DeviceWithDetails> {
  requirePermission(actor, 'devices:write')
  await move(tx, actor, wanted)
  return await detailed(tx, wanted.id)
}

/** Takes the device from where it stands. Where it stands nowhere, it is as wished already. */
export async function unassignDevice(tx: TenantTransaction, actor: Actor, wanted: Move): Promise<DeviceWithDetails> {
  requirePermission(actor, 'devices:write')
  await takeAway(tx, actor, wanted)
  return await detailed(tx, wanted.id)
}

async function speaker(tx: TenantTransaction, actor: Actor, id: string): Promise<Speaker> {
  requirePermission(actor, 'devices:write')
  await takeProvisioning(tx)
  const device = await lockDevice(tx, id)
  if (device === undefined) throw notFound()
  return { kind: 'devices', code: device.code, target: { kind: 'device', id } }
}
