import { requirePermission, type Actor } from '../auth/principal.ts'
import { revisionOutdated } from '../refusal.ts'
import {
  deleteGatewayRow,
  insertGateway,
  lockGateway,
  selectGateway,
  selectGateways,
  updateGateway,
  type Gateway,
  type GatewayFields,
} from '../store/gateways.ts'
import { takeProvisioning } from '../store/provision-lock.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { audited } from './audited.ts'
import { issueCredential, issueFirst, revoke, rotate, type IssuedCredential, type Speaker } from './credentials.ts'
import { notFound, orTaken } from './place-refusals.ts'

export async function listGateways(
  tx: TenantTransaction,
  actor: Actor,
  page: Parameters<typeof selectGateways>[1],
): Promise<Gateway[]> {
  requirePermission(actor, 'devices:read')
  return await selectGateways(tx, page)
}

export async function readGateway(tx: TenantTransaction, actor: Actor, id: string): Promise<Gateway> {
  requirePermission(actor, 'devices:read')
  return await gatewayThatIsThere(tx, id)
}

async function gatewayThatIsThere(tx: TenantTransaction, id: string): Promise<Gateway> {
  const gateway = await selectGateway(tx, id)
  if (gateway === undefined) throw notFound()
  return gateway
}

/** A gateway is there to speak: it is made with its credential. */
export async function createGateway(
  tx: TenantTransaction,
  actor: Actor,
  fields: GatewayFields & { code: string },
): Promise<{ gateway: Gateway; credentials: IssuedCredential }> {
  requirePermission(actor, 'devices:write')
  await takeProvisioning(tx)
  const { code } = fields
  const id = await orTaken('code', insertGateway(tx, fields))
  const credentials = await issueCredential(tx, { kind: 'gateways', code })
  const gateway = await gatewayThatIsThere(tx, id)
  await audited(tx, actor, { action: 'gateway.created', target: { kind: 'gateway', id }, detail: { code } })
  return { gateway, credentials }
}

interface Expected {
  id: string
  /** As `If-Match` says. */
  revision: number
}

type Change = { [Field in keyof GatewayFields]?: GatewayFields[Field] | undefined }

/** A broker that has it connected takes on other limits at its next look. */
export async function changeGateway(
  tx: TenantTransaction,
  actor: Actor,
  { id, revision, fields }: Expected & { fields: Change },
): Promise<Gateway> {
  requirePermission(actor, 'devices:write')
  const before = await lockExpected(tx, { id, revision })
  const { name = before.name, messages_per_s = before.messages_per_s, in_flight = before.in_flight } = fields
  await updateGateway(tx, { id, fields: { name, messages_per_s, in_flight } })
  await audited(tx, actor, {
    action: 'gateway.changed',
    target: { kind: 'gateway', id },
    detail: { code: before.code, fields: Object.keys(fields), messages_per_s, in_flight },
  })
  return await gatewayThatIsThere(tx, id)
}

export async function deleteGateway(tx: TenantTransaction, actor: Actor, expected: Expected): Promise<void> {
  requirePermission(actor, 'devices:write')
  await takeProvisioning(tx)
  const { code } = await lockExpected(tx, expected)
  await deleteGatewayRow(tx, expected.id)
  await audited(tx, actor, {
    action: 'gateway.deleted',
    target: { kind: 'gateway', id: expected.id },
    detail: { code },
  })
}

async function lockExpected(tx: TenantTransaction, { id, revision }: Expected) {
  const gateway = await lockGateway(tx, id)
  if (gateway === undefined) throw notFound()
  if (gateway.revision !== revision) throw revisionOutdated()
  return gateway
}

export async function provisionGateway(tx: TenantTransaction, actor: Actor, id: string): Promise<IssuedCredential> {
  return await issueFirst(tx, actor, await speaker(tx, actor, id))
}

export async function rotateGateway(tx: TenantTransaction, actor: Actor, id: string): Promise<IssuedCredential> {
  return await rotate(tx, actor, await speaker(tx, actor, id))
}

export async function revokeGateway(tx: TenantTransaction, actor: Actor, id: string): Promise<Gateway> {
  await revoke(tx, actor, await speaker(tx, actor, id))
  return await gatewayThatIsThere(tx, id)
}

async function speaker(tx: TenantTransaction, actor: Actor, id: string): Promise<Speaker> {
  requirePermission(actor, 'devices:write')
  await takeProvisioning(tx)
  const gateway = await lockGateway(tx, id)
  if (gateway === undefined) throw notFound()
  return { kind: 'gateways', code: gateway.code, target: { kind: 'gateway', id } }
}
