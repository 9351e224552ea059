import { connect } from '../../../src/store/client.ts'
import type { AcknowledgedReading } from './acknowledged.ts'

interface LoggedIdentity {
  device: string
  session: string
  counter: number
  /** Deliveries of it that were logged. */
  deliveries: number
  /** How often it reached a space. */
  stepped: number
}

const statementTimeoutMs = 60_000

/** Every reading that was acknowledged is in the log, and none reached a space more than once. Answers how many there are. */
export async function compareWithLog(
  databaseUrl: string,
  { tenant, acknowledged }: { tenant: string; acknowledged: readonly AcknowledgedReading[] },
): Promise<{
  identities: number
  deliveries: number
  missing: string[]
  appliedTwice: string[]
  neverApplied: string[]
}> {
  const sql = connect({ url: databaseUrl, max: 1, statementTimeoutMs, name: 'e2e' })
  try {
    const logged = await sql<LoggedIdentity[]>`
      SELECT r.device, r.session, r.counter, count(*)::int AS deliveries, count(r.input_seq)::int AS stepped
      FROM readings r JOIN tenants t ON t.id = r.tenant_id
      WHERE t.slug = ${tenant} GROUP BY r.device, r.session, r.counter`
    const names = new Set(logged.map(({ device, session, counter }) => name(device, session, counter)))
    const named = (rows: LoggedIdentity[]) => rows.map(({ device, session, counter }) => name(device, session, counter))
    return {
      identities: names.size,
      deliveries: logged.reduce((sum, { deliveries }) => sum + deliveries, 0),
      missing: acknowledged.map(({ device, boot, seq }) => name(device, boot, seq)).filter((one) => !names.has(one)),
      appliedTwice: named(logged.filter(({ stepped }) => stepped > 1)),
      neverApplied: named(logged.filter(({ stepped }) => stepped === 0)),
    }
  } finally {
    await sql.end()
  }
}

function name(device: string, session: string | number, counter: number): string {
  return `${device} ${session} ${counter}`
}
