import { readLedger } from '../../administration/ledger.ts'
import type { Clock } from '../../clock.ts'
import type { Api } from '../app.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { ledgerRoute } from './ledger-descriptions.ts'
import { periodOf } from './period.ts'

export function addLedgerRoutes(app: Api, options: SignedInOptions & { clock: Clock }): void {
  app.openapi(ledgerRoute, async (c) => {
    const period = periodOf(c.req.valid('query'), options.clock)
    const ledger = await inOwnTenant(c, options, (tx, actor) => readLedger(tx, actor, period))
    const { from, to, totals, dropped, imbalance, stepMs, series } = ledger
    const body = {
      from: timeOf(from),
      to: timeOf(to),
      ...totals,
      balanced: imbalance === undefined ? null : imbalance === 0,
      imbalance: imbalance ?? null,
      dropped,
      step_s: stepMs / 1000,
      series: series.map(({ at, ...counts }) => ({ ...counts, at: timeOf(at) })),
    }
    return c.json(body, 200)
  })
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
