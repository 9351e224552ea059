/**
 * Point by point what the promise says: no PUBACK leaves before the COMMIT that has its reading returned. Both are
 * stamped on the wire, by one process with one clock: PUBACKs as they come, the answers of Postgres as they are handed
 * on, and late, so that an acknowledgement that does not wait for them would be seen.
 */
import { expect } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { AcknowledgementTrace } from './support/acknowledgement-trace.ts'
import { Cable } from './support/cable.ts'
import { check } from './support/checker.ts'
import { CommitTrace } from './support/commit-trace.ts'
import { withDatabaseBehindCable } from './support/database-behind-cable.ts'
import { fault } from './support/fault.ts'
import { wholeBetween } from './support/random.ts'
import { Traffic } from './support/traffic.ts'

const tenant = 'acme'

fault(
  {
    id: 'G-M9',
    title: 'no PUBACK before its COMMIT returned',
    times: { perHundred: 1, short: 1 },
    messages: { part: 0.5, short: 10_000 },
  },
  async ({ random, messages }) => {
    const commits = new CommitTrace()
    const acknowledgements = new AcknowledgementTrace({ publishes: 'requests', version: 4 })
    return await withDatabaseBehindCable({ tap: commits }, async ({ home, cable, databaseUrl }) => {
      cable.answerDelayMs = wholeBetween(random, 1, 6)
      await home.start()
      const senders = await Cable.to(home.mqttPort, { tap: acknowledgements })
      try {
        const env = { BAYWIRE_MQTT_PORT: String(senders.port) }
        const traffic = new Traffic(home, { messages, tenants: [tenant], env })
        const findings = await check(home, traffic)
        const transactions = await transactionsOf(databaseUrl)
        const waits = acknowledgements.of(tenant).map(({ device, boot, seq, at }) => {
          const committedAt = commits.committedAt(transactions.get(`${device} ${boot} ${seq}`) ?? '')
          return committedAt === undefined ? undefined : at - committedAt
        })
        expect(waits, 'traced').toHaveLength(traffic.messages)
        expect(
          waits.filter((wait) => wait === undefined),
          'whose COMMIT was not seen',
        ).toEqual([])
        const early = waits.filter((wait) => wait !== undefined && wait <= 0)
        expect(early, 'acknowledged before COMMIT').toEqual([])
        return { ...findings, notes: { traced: waits.length, early: early.length } }
      } finally {
        senders.close()
      }
    })
  },
)

/** Which transaction has stored each reading, by `device boot seq`. */
async function transactionsOf(databaseUrl: string): Promise<Map<string, string>> {
  const sql = connect({ url: databaseUrl, max: 1, statementTimeoutMs: 60_000, name: 'chaos' })
  try {
    const rows = await sql<{ device: string; session: string; counter: number; xmin: string }[]>`
      SELECT r.device, r.session, r.counter, r.xmin::text AS xmin
      FROM readings r JOIN tenants t ON t.id = r.tenant_id WHERE t.slug = ${tenant} AND r.outcome <> 'duplicate'`
    return new Map(rows.map(({ device, session, counter, xmin }) => [`${device} ${session} ${counter}`, xmin]))
  } finally {
    await sql.end()
  }
}
