import { expect, it } from 'vitest'
import { failureOf } from '../../src/api/failure.ts'
import { awaitingProvisioning, ProvisioningHeldError } from '../../src/store/provision-lock.ts'

const line = () => ({ tenants: {}, tenantId: 'city' })

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
  await expect(awaitingProvisioning(line(), run)).resolves.toBe('done')
  expect(tried.times).toBe(4)
})

it('is given up after a while, and answered as busy', async () => {
  const error = await awaitingProvisioning({ ...line(), longestMs: 1 }, transaction(Infinity).run).catch(
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ProvisioningHeldError)
  expect(failureOf(error)).toMatchObject({ code: 'busy', retryAfterS: 5 })
})

it('is not tried again after any other error', async () => {
  let times = 0
  const run = async () => {
    times += 1
    throw new Error('refused')
  }
  await expect(awaitingProvisioning(line(), run)).rejects.toThrow('refused')
  expect(times).toBe(1)
})

it('is tried again in the order in which they came, one at a time of a tenant', async () => {
  const wait = line()
  const tried: string[] = []
  const run = (name: string, failures: number) => {
    let left = failures
    return awaitingProvisioning(wait, async () => {
      tried.push(name)
      left -= 1
      if (left >= 0) throw new ProvisioningHeldError()
    })
  }
  await Promise.all([run('first', 3), run('second', 2), run('third', 1)])
  expect(tried).toEqual(['first', 'second', 'third', 'first', 'first', 'first', 'second', 'second', 'third'])
})
