import { hasPermission, requirePermission, type Actor } from '../auth/principal.ts'
import { findDevices, findSpaces, type FoundDevice, type FoundSpace } from '../store/finding.ts'
import type { TenantTransaction } from '../store/transactions.ts'

export type Hit = ({ kind: 'space' } & FoundSpace) | ({ kind: 'device' } & FoundDevice)

const mostHits = 20

/** Spaces, and devices for those who may see them, whose code or name has the text in it: what it begins with first. */
export async function search(tx: TenantTransaction, actor: Actor, text: string): Promise<Hit[]> {
  requirePermission(actor, 'places:read')
  const wanted = { text, limit: mostHits }
  const spaces = (await findSpaces(tx, wanted)).map((space) => ({ kind: 'space' as const, ...space }))
  const mayKnowDevices = hasPermission(actor, 'devices:read')
  const found = mayKnowDevices ? await findDevices(tx, wanted) : []
  const devices = found.map((device) => ({ kind: 'device' as const, ...device }))
  return [...spaces, ...devices].toSorted((a, b) => a.rank - b.rank).slice(0, mostHits)
}
