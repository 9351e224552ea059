import { describe, expect, it } from 'vitest'
import {
  earliestUse,
  keptAfterUseMs,
  keysToRetire,
  nextKey,
  publishedBeforeUseMs,
  signingKey,
} from '../../src/auth/key-schedule.ts'

const now = Date.parse('2026-11-20T09:00:00Z')
const key = (signsFrom: number, createdAt = signsFrom) => ({
  createdAt: new Date(now + createdAt),
  signsFrom: new Date(now + signsFrom),
})

describe('signing keys', () => {
  const old = key(-1000)
  const current = key(0)
  const next = key(1000)

  it('K1: the newest whose time has come signs', () => {
    expect(signingKey([next, old, current], now)).toBe(current)
    expect(signingKey([next], now)).toBe(next)
    expect(signingKey([], now)).toBeUndefined()
    expect(nextKey([next, old, current], now)).toBe(next)
    expect(nextKey([old, current], now)).toBeUndefined()
  })

  it('K2: are published before they sign', () => {
    expect(earliestUse(key(90_000_000, 0), now)).toBe(now + publishedBeforeUseMs)
    expect(earliestUse(key(90_000_000, -publishedBeforeUseMs), now)).toBe(now)
    expect(earliestUse(key(90_000_000, -1), now)).toBe(now + publishedBeforeUseMs - 1)
  })

  it('K3: are kept until nothing that they signed can be good', () => {
    expect(keptAfterUseMs).toBeGreaterThan(60 * 60_000 + 60_000)
    const replaced = key(-keptAfterUseMs)
    const older = key(-2 * keptAfterUseMs)
    expect(keysToRetire([older, replaced, next], now)).toEqual([older])
    expect(keysToRetire([older, key(-keptAfterUseMs + 1)], now)).toEqual([])
    expect(keysToRetire([older], now)).toEqual([])
  })
})
