import { describe, expect, it } from 'vitest'
import { checkParts } from '../../src/api/readiness.ts'

const well = () => Promise.resolve({ ok: true, detail: 'answers' })

describe('readiness', () => {
  it('is that of all parts', async () => {
    const unwell = { ok: false, detail: 'not connected' }
    expect(await checkParts({ postgres: well })).toEqual({ ready: true, parts: { postgres: await well() } })
    expect(await checkParts({ postgres: well, broker: () => Promise.resolve(unwell) })).toEqual({
      ready: false,
      parts: { postgres: await well(), broker: unwell },
    })
  })

  it('does not wait for a part that does not answer', async () => {
    const readiness = await checkParts({ postgres: () => new Promise(() => {}), broker: well }, { waitMs: 5 })
    expect(readiness).toEqual({
      ready: false,
      parts: { postgres: { ok: false, detail: 'no answer within 5 ms' }, broker: await well() },
    })
  })

  it('tells no more of an error than its code', async () => {
    const readiness = await checkParts({
      postgres: () => Promise.reject(Object.assign(new Error('as user "secret"'), { code: 'ECONNREFUSED' })),
      broker: () => {
        throw new Error('secret')
      },
    })
    expect(readiness.parts).toEqual({
      postgres: { ok: false, detail: 'check failed: ECONNREFUSED' },
      broker: { ok: false, detail: 'check failed' },
    })
  })
})
