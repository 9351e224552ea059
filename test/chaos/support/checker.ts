import { expect } from 'vitest'
import { connect } from '../../../src/store/client.ts'
import { expectSound } from '../../e2e/support/books.ts'
import type { Home } from '../../e2e/support/home.ts'
import { compareWithLog } from '../../e2e/support/log.ts'
import type { Findings } from './fault.ts'
import type { Traffic } from './traffic.ts'

/**
 * Compares what was sent, acknowledged, stored and applied, when all is sent and acknowledged: nothing acknowledged is
 * missing, nothing reached its space twice, each space shows what its newest reading said, the books balance, and
 * folding the log again gives what was recorded.
 */
export async function check(home: Home, traffic: Traffic): Promise<Findings> {
  const sent = await traffic.end()
  return await checkStored(home, traffic, { sent, complete: true })
}

/** The same while readings still arrive: of those that are acknowledged by now. */
export async function checkSoFar(home: Home, traffic: Traffic): Promise<Findings> {
  return await checkStored(home, traffic, { sent: 0, complete: false })
}

/** @param complete each reading that was sent is acknowledged, so each has reached its space */
export async function checkStored(
  home: Home,
  traffic: Traffic,
  { sent, complete }: { sent: number; complete: boolean },
): Promise<Findings> {
  const databaseUrl = await home.databaseUrl()
  const total: Findings = { sent, acknowledged: 0, stored: 0, missing: 0, appliedTwice: 0, duplicates: 0 }
  for (const { tenant, ackLog, messages } of traffic.streams) {
    // oxlint-disable no-await-in-loop -- one tenant after the other
    const acknowledged = ackLog.readings()
    const log = await compareWithLog(databaseUrl, { tenant, acknowledged })
    expect(log, `${tenant}: acknowledged and stored`).toMatchObject({ missing: [], appliedTwice: [] })
    if (complete) {
      expect(log.neverApplied, `${tenant}: stored and applied`).toEqual([])
      expect(log.identities, `${tenant}: sent and stored`).toBe(messages)
      expect(await wrongSpaces(databaseUrl, tenant), `${tenant}: newest readings and states`).toEqual([])
    }
    const { ledger } = await expectSound(home, tenant)
    expect(ledger, `${tenant}: what was sent was good`).toMatchObject({
      malformed: 0,
      unknown_device: 0,
      unassigned: 0,
    })
    if (complete) expect(ledger, `${tenant}: the log and the ledger`).toMatchObject({ received: log.deliveries })
    // oxlint-enable no-await-in-loop
    total.acknowledged += acknowledged.length
    total.stored += log.identities
    total.duplicates += log.deliveries - log.identities
  }
  return total
}

/** Spaces that do not show what their newest reading said: by evidence time, then counter (no debouncing here). */
export async function wrongSpaces(databaseUrl: string, tenant: string): Promise<string[]> {
  const sql = connect({ url: databaseUrl, max: 1, statementTimeoutMs: 60_000, name: 'chaos' })
  try {
    const rows = await sql<{ code: string }[]>`
      WITH newest AS (
        SELECT DISTINCT ON (r.space_id) r.space_id, r.occupied
        FROM readings r JOIN tenants t ON t.id = r.tenant_id
        WHERE t.slug = ${tenant} AND r.outcome IN ('applied', 'unchanged')
        ORDER BY r.space_id, r.observed_at DESC, r.counter DESC
      )
      SELECT sp.code FROM newest JOIN spaces sp ON sp.id = newest.space_id JOIN space_states s ON s.space_id = sp.id
      WHERE s.occupancy <> CASE WHEN newest.occupied THEN 'occupied' ELSE 'vacant' END`
    return rows.map(({ code }) => code)
  } finally {
    await sql.end()
  }
}
