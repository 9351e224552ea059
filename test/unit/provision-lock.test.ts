import { expect, it } from 'vitest'
import { failureOf } from '../../src/api/failure.ts'
import { awaitingProvisioning, ProvisioningHeldError } from '../../src/store/provision-lock.ts'

/** Finds the lock with somebody else so often, and counts how often it was tried. */
function transaction(failures: number) {
  const tried = { times: 0 }
  const run = async () => {
    tried.times += 1
    if (tried.times <= failures) throw new ProvisioningHeldError()
    return 'done'
  }
  return { tried, run }
}

it('is tried again until the lock is free', async () => {
  const { tried, run } = transaction(3)
  await expect(awaitingProvisioning(run)).resolves.toBe('done')
  expect(tried.times).toBe(4)
})

it('is given up after a while, and answered as busy', async () => {
  const error = await awaitingProvisioning(transaction(Infinity).run, 1).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ProvisioningHeldError)
  expect(failureOf(error)).toMatchObject({ code: 'busy', retryAfterS: 5 })
})

it('is not tried again after any other error', async () => {
  let times = 0
  const run = async () => {
    times += 1
    throw new Error('refused')
  }
  await expect(awaitingProvisioning(run)).rejects.toThrow('refused')
  expect(times).toBe(1)
})
