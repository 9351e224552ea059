import type { TenantWriterTransaction } from './transactions.ts'

/** What deleting a space needs to know of it. Its row is locked against devices that are being put there. */
export interface LeavingSpace {
  code: string
  revision: number
  /** A device stands there now. */
  device: string | null
  /** Bookings that still hold it. */
  reservations: number
  /** Something refers to it: inputs, assignments, overrides, reservations. */
  hasHistory: boolean
}

/** To be called with the space's state locked. */
export async function lockLeavingSpace(
  tx: TenantWriterTransaction,
  spaceId: string,
): Promise<LeavingSpace | undefined> {
  const [locked] = await tx<{ code: string; revision: number }[]>`
    SELECT code, revision FROM spaces
    WHERE tenant_id = ${tx.tenantId} AND id = ${spaceId} AND archived_at IS NULL FOR UPDATE`
  if (locked === undefined) return undefined
  // Another statement: it sees what was committed while the lock was waited for.
  const [found] = await tx<{ device: string | null; reservations: number; history: boolean }[]>`
    SELECT
      (SELECT d.code FROM device_assignments a
       JOIN devices d ON d.tenant_id = a.tenant_id AND d.id = a.device_id
       WHERE a.tenant_id = ${tx.tenantId} AND a.space_id = ${spaceId}
         AND (a.unassigned_at IS NULL OR a.unassigned_at > now()) LIMIT 1) AS device,
      (SELECT count(*)::int FROM reservations r WHERE r.tenant_id = ${tx.tenantId} AND r.space_id = ${spaceId}
         AND r.state IN ('pending', 'confirmed', 'active')
         AND (r.state <> 'pending' OR r.hold_expires_at > now())) AS reservations,
      EXISTS (SELECT FROM device_assignments a WHERE a.tenant_id = ${tx.tenantId} AND a.space_id = ${spaceId})
        OR EXISTS (SELECT FROM overrides o WHERE o.tenant_id = ${tx.tenantId} AND o.space_id = ${spaceId})
        OR EXISTS (SELECT FROM reservations r WHERE r.tenant_id = ${tx.tenantId} AND r.space_id = ${spaceId})
        OR EXISTS (SELECT FROM space_checkpoints c WHERE c.tenant_id = ${tx.tenantId} AND c.space_id = ${spaceId})
        OR EXISTS (SELECT FROM space_states s
          WHERE s.tenant_id = ${tx.tenantId} AND s.space_id = ${spaceId} AND s.input_seq > 0) AS history`
  return {
    ...locked,
    device: found?.device ?? null,
    reservations: found?.reservations ?? 0,
    hasHistory: found?.history ?? true,
  }
}

/** Of a space that nothing was ever heard of: nothing is left. */
export async function deleteSpaceRows(tx: TenantWriterTransaction, spaceId: string): Promise<void> {
  await tx`DELETE FROM space_states WHERE tenant_id = ${tx.tenantId} AND space_id = ${spaceId}`
  await tx`DELETE FROM spaces WHERE tenant_id = ${tx.tenantId} AND id = ${spaceId}`
}

/** Its log is folded as before, and a late reading from when a device stood there still belongs to it. */
export async function archiveSpace(tx: TenantWriterTransaction, spaceId: string): Promise<void> {
  await tx`
    UPDATE spaces SET archived_at = now(), zone_id = NULL, revision = revision + 1
    WHERE tenant_id = ${tx.tenantId} AND id = ${spaceId}`
}
