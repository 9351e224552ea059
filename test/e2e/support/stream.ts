import { expect } from 'vitest'
import type { Program } from '../../support/program.ts'
import type { AckLog } from './acknowledged.ts'
import { expectSound } from './books.ts'
import type { Home } from './home.ts'
import { compareWithLog } from './log.ts'

export const messages = 4000

interface Stream {
  tenant: string
  ackLog: AckLog
}

/** Readings on their way for some seconds, so that something can happen to them. */
export function simulate(home: Home, { tenant, ackLog }: Stream, env?: Record<string, string>): Program {
  const size = `--spaces 100 --messages ${messages} --rate 1000 --give-up 60s`.split(' ')
  return home.spawn(['simulate', '--tenant', tenant, '--provision', '--json', '--ack-log', ackLog.path, ...size], env)
}

/** Each of them is acknowledged, logged, and has reached its space once; whatever came again is a duplicate. Answers how often they came. */
export async function expectAllArrived(home: Home, databaseUrl: string, { tenant, ackLog }: Stream): Promise<number> {
  const acknowledged = ackLog.readings()
  expect(acknowledged).toHaveLength(messages)
  const log = await compareWithLog(databaseUrl, { tenant, acknowledged })
  expect(log).toMatchObject({ identities: messages, missing: [], appliedTwice: [], neverApplied: [] })
  const { ledger, verification } = await expectSound(home, tenant)
  expect(ledger).toMatchObject({ received: log.deliveries, duplicate: log.deliveries - messages })
  expect(verification).toMatchObject({ inputs: messages })
  return log.deliveries
}

export async function isNotReady(home: Home, part: string): Promise<boolean> {
  const { ready, parts } = await home.readiness()
  return !ready && parts[part]?.ok === false
}
