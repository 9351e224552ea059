/**
 * Reads a tenant's log in a process of its own: with a cursor that parses each payload and does nothing else, or as
 * `baywire replay --dry-run` does.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { dryRun } from '../../src/replay/dry-run.ts'
import { connect } from '../../src/store/client.ts'
import { systemDatabase } from '../../src/store/transactions.ts'
import { answerOrders } from '../helper.ts'

export interface ReplayOrder {
  databaseUrl: string
  tenantId: string
  what: 'cursor' | 'dry run' | 'dry run with its memory'
}

export interface Replayed {
  readings: number
  seconds: number
  /** In use after full collections, at each twentieth of the way; empty unless asked for. */
  heapMb: number[]
  /** Of the whole process, at the end. */
  residentMb: number
  /** What it found to differ, which is nothing. */
  differences: number
}

/** A full collection, which Node gives only to those who ask so. */
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const rowsAtATime = 4000
const memorySteps = 20

async function readWithCursor({
  databaseUrl: url,
  tenantId,
}: ReplayOrder): Promise<Pick<Replayed, 'readings' | 'differences'>> {
  const sql = connect({ url, role: 'baywire_ingest', max: 1, statementTimeoutMs: 0, name: 'baywire bench cursor' })
  let readings = 0
  const rows = sql<{ payload: Buffer | null }[]>`
    SELECT tenant_id, id, part, received_at, observed_at, device, clock, topic, payload, delivery, outcome, reason, space_id,
      input_seq, policy_version
    FROM readings WHERE tenant_id = ${tenantId} ORDER BY received_at, id, part`.cursor(rowsAtATime)
  for await (const some of rows) {
    for (const { payload } of some) {
      if (payload !== null) JSON.parse(payload.toString('utf8'))
      readings++
    }
  }
  await sql.end()
  return { readings, differences: 0 }
}

async function replay({ databaseUrl: url, tenantId }: ReplayOrder, onProgress: (done: number, of: number) => void) {
  const database = systemDatabase({ url, max: 1, statementTimeoutMs: 0, name: 'baywire bench replay' })
  const report = await database.withSnapshot((tx) => dryRun(tx, { selection: { tenantId }, onProgress }))
  await database.close()
  if (report === undefined) throw new Error('there is nothing to replay')
  const { changed_outcomes, missing_inputs, transitions } = report
  const differences = changed_outcomes + missing_inputs + transitions.removed + transitions.added
  return { readings: report.readings, differences }
}

answerOrders(async (order: ReplayOrder): Promise<Replayed> => {
  const heapMb: number[] = []
  let seen = 0
  const onProgress = (done: number, of: number) => {
    if (order.what !== 'dry run with its memory' || done < (of * (seen + 1)) / memorySteps) return
    seen++
    collectGarbage()
    heapMb.push(process.memoryUsage().heapUsed / 1e6)
  }
  collectGarbage()
  const startedAt = performance.now()
  const read = order.what === 'cursor' ? await readWithCursor(order) : await replay(order, onProgress)
  const seconds = (performance.now() - startedAt) / 1000
  return { ...read, seconds, heapMb, residentMb: process.memoryUsage().rss / 1e6 }
})
