import { expect } from 'vitest'
import type { Home } from './home.ts'

/** What `baywire ledger --json` prints. */
export interface Ledger {
  received: number
  applied: number
  unchanged: number
  debouncing: number
  duplicate: number
  late: number
  retained: number
  unassigned: number
  unknown_device: number
  malformed: number
  balanced: boolean
}

interface Verification {
  spaces: number
  inputs: number
  first_difference: unknown
}

/** The books agree with the log, and folding the kept inputs again gives what was recorded live. */
export async function expectSound(home: Home, tenant: string): Promise<{ ledger: Ledger; verification: Verification }> {
  const ledger = await home.json<Ledger>(['ledger', '--tenant', tenant])
  expect(ledger.balanced, 'the ledger balances').toBe(true)
  const verification = await home.json<Verification>(['replay', '--verify', '--tenant', tenant])
  expect(verification.first_difference).toBeNull()
  return { ledger, verification }
}

/** What `baywire simulate --json` prints. */
export interface Simulated {
  published: number
  acknowledged: number
  readings: number
  boot: number
  rebase_offset_ms: number
}
