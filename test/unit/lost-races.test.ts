import { expect, it } from 'vitest'
import { LostRaceError, retryingLostRaces } from '../../src/store/lost-races.ts'

const failing = (code: string) => Object.assign(new Error('refused'), { code })

/** Fails so often, and counts how often it was tried. */
function transaction(failures: number, error: () => Error) {
  const tried = { times: 0 }
  const run = async () => {
    tried.times += 1
    if (tried.times <= failures) throw error()
    return 'done'
  }
  return { tried, run }
}

it.each(['40001', '40P01'])('%s is tried again', async (code) => {
  const { tried, run } = transaction(4, () => failing(code))
  await expect(retryingLostRaces(run)).resolves.toBe('done')
  expect(tried.times).toBe(5)
})

it('is tried five times and no more', async () => {
  const { tried, run } = transaction(9, () => new LostRaceError())
  await expect(retryingLostRaces(run)).rejects.toThrow('somebody else was faster')
  expect(tried.times).toBe(5)
})

it.each(['23505', '57014', 'CONNECTION_CLOSED'])('%s is no race', async (code) => {
  const { tried, run } = transaction(1, () => new Error('wrapped', { cause: failing(code) }))
  await expect(retryingLostRaces(run)).rejects.toThrow('wrapped')
  expect(tried.times).toBe(1)
})
