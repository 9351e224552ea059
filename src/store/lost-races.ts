import { setTimeout } from 'node:timers/promises'
import { errorCodeOf } from './connection-error.ts'

/** What was read before a lock was taken is not so any more: to be tried again from the beginning. */
export class LostRaceError extends Error {
  readonly code = '40001'

  constructor() {
    super('somebody else was faster')
    this.name = 'LostRaceError'
  }
}

/** serialization_failure and deadlock_detected: the transaction is undone, and nothing is wrong with what it wanted. */
const lostRaces = new Set(['40001', '40P01'])
const mostTries = 5
const pauseMs = 10

/** Runs a transaction, and again where it lost a race, after a pause that is another one for each who lost. */
export async function retryingLostRaces<T>(transaction: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      return await transaction()
    } catch (error) {
      if (tries === mostTries || !lostRaces.has(errorCodeOf(error) ?? '')) throw error
      // oxlint-disable-next-line no-await-in-loop -- as above
      await setTimeout(Math.random() * pauseMs * 2 ** tries)
    }
  }
}
