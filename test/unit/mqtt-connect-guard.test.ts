import { describe, expect, it } from 'vitest'
import { ConnectGuard, type Attempt } from '../../src/mqtt/connect-guard.ts'
import { addressGroup } from '../../src/mqtt/remote-address.ts'
import { Strikes } from '../../src/mqtt/strikes.ts'
import { TokenBucket } from '../../src/mqtt/token-bucket.ts'

const limits = { failures: 10, failuresBlockMs: 60_000, connectsPerMinute: 15, connectsBlockMs: 300_000 }
const address = '192.0.2.7'

/** Secrets are right when they say so; counts how often it was asked. */
function makeGuard() {
  const state = { now: 0, checks: 0 }
  const guard = new ConnectGuard(limits, () => state.now)
  const attempt = async (username: string, secret: string, from = address) => {
    const one: Attempt = { address: from, username, secret: Buffer.from(secret) }
    const verdict = await guard.judge(one, async () => {
      state.checks += 1
      await Promise.resolve()
      return secret === `secret of ${username}` ? username : undefined
    })
    return verdict.kind
  }
  const right = (username: string, from?: string) => attempt(username, `secret of ${username}`, from)
  const wrong = (username: string, from?: string) => attempt(username, 'wrong', from)
  return { state, right, wrong }
}

const repeat = async (times: number, work: (turn: number) => Promise<string>): Promise<string[]> => {
  const verdicts: string[] = []
  for (let turn = 0; turn < times; turn++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    verdicts.push(await work(turn))
  }
  return verdicts
}

describe('wrong credentials', () => {
  it('block their address from the tenth on, for a minute', async () => {
    const { state, wrong } = makeGuard()
    expect(await repeat(12, () => wrong('acme/devices/x'))).toEqual([
      ...Array<string>(10).fill('wrong'),
      'blocked',
      'blocked',
    ])
    expect(state.checks).toBe(10)
    expect(await wrong('acme/devices/x', '192.0.2.8')).toBe('wrong')
    state.now += 59_999
    expect(await wrong('acme/devices/x')).toBe('blocked')
    state.now += 1
    expect(await wrong('acme/devices/x')).toBe('wrong')
  })

  it('do not count once they are a minute old', async () => {
    const { state, wrong, right } = makeGuard()
    await repeat(9, (turn) => wrong(`acme/devices/${turn}`))
    state.now += 60_000
    await repeat(9, (turn) => wrong(`acme/devices/${turn}`))
    expect(await right('acme/devices/new')).toBe('granted')
  })

  it('that come all at once cost little', async () => {
    const { state, wrong } = makeGuard()
    const verdicts = await Promise.all(Array.from({ length: 1000 }, () => wrong('acme/devices/x')))
    expect(verdicts.filter((verdict) => verdict === 'wrong').length).toBe(state.checks)
    expect(state.checks).toBeLessThan(60)
  })

  it('of one name in a blocked address are looked at three times, whatever they are', async () => {
    const { state, wrong, right } = makeGuard()
    await repeat(10, () => wrong('acme/devices/x'))
    expect(await repeat(4, () => wrong('acme/devices/y'))).toEqual(['wrong', 'wrong', 'wrong', 'blocked'])
    expect(await right('acme/devices/y')).toBe('blocked')
    expect(state.checks).toBe(13)
    state.now += 60_000
    expect(await right('acme/devices/y')).toBe('granted')
  })
})

describe('right credentials behind a blocked address', () => {
  it('of those who were right before: 1000 of 1000, in a flood from the same address', async () => {
    const { state, right, wrong } = makeGuard()
    const names = Array.from({ length: 1000 }, (_, index) => `acme/devices/${index}`)
    await repeat(1000, (turn) => right(names[turn] ?? ''))
    const flood = Promise.all(Array.from({ length: 5000 }, (_, index) => wrong(`acme/devices/${index}`)))
    const verdicts = await Promise.all(names.map((name) => right(name)))
    expect(verdicts.filter((verdict) => verdict === 'granted')).toHaveLength(1000)
    await flood
    expect(await repeat(1000, (turn) => right(names[turn] ?? ''))).toEqual(Array<string>(1000).fill('granted'))
    expect(state.checks).toBeLessThan(4000)
  })

  it('of those whom nobody knows yet: one at a time, and whoever finds no place is told to come again', async () => {
    const { right, wrong } = makeGuard()
    await repeat(10, () => wrong('acme/devices/x'))
    expect(await repeat(500, (turn) => right(`acme/devices/${turn}`))).toEqual(Array<string>(500).fill('granted'))
    const verdicts = await Promise.all(Array.from({ length: 100 }, (_, index) => right(`acme/gateways/${index}`)))
    expect(new Set(verdicts)).toEqual(new Set(['granted', 'busy']))
    expect(verdicts.filter((verdict) => verdict === 'granted').length).toBeGreaterThanOrEqual(33)
  })

  it('do not help once they are revoked, and cost one more look', async () => {
    const state = { now: 0, checks: 0, revoked: false }
    const guard = new ConnectGuard(limits, () => state.now)
    const attempt = { address, username: 'acme/devices/x', secret: Buffer.from('s') }
    const judge = async () => {
      const verdict = await guard.judge(attempt, async () => {
        state.checks += 1
        return state.revoked ? undefined : 'x'
      })
      return verdict.kind
    }
    expect(await judge()).toBe('granted')
    state.revoked = true
    expect(await repeat(12, judge)).toEqual([...Array<string>(10).fill('wrong'), 'blocked', 'blocked'])
    expect(state.checks).toBe(11)
  })
})

describe('connects of one identity', () => {
  it('are borne 15 times a minute; then it waits five', async () => {
    const { state, right } = makeGuard()
    const verdicts = await repeat(17, (turn) => right('acme/devices/x', `192.0.2.${turn}`))
    expect(verdicts).toEqual([...Array<string>(15).fill('granted'), 'too_often', 'too_often'])
    expect(state.checks).toBe(16)
    expect(await right('acme/devices/y')).toBe('granted')
    state.now += 299_999
    expect(await right('acme/devices/x')).toBe('too_often')
    state.now += 1
    expect(await right('acme/devices/x')).toBe('granted')
  })

  it('do not count where the secret was wrong: nobody locks out anybody', async () => {
    const { right, wrong } = makeGuard()
    await repeat(100, (turn) => wrong('acme/devices/x', `198.51.100.${turn}`))
    expect(await right('acme/devices/x')).toBe('granted')
  })

  it('do not count while credentials cannot be checked', async () => {
    const guard = new ConnectGuard(limits, () => 0)
    const attempt = { address, username: 'acme/devices/x', secret: Buffer.from('s') }
    const away = () => guard.judge(attempt, () => Promise.reject(new Error('no connection')))
    for (let turn = 0; turn < 50; turn++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect(away()).rejects.toThrow('no connection')
    }
    expect((await guard.judge(attempt, async () => 'x')).kind).toBe('granted')
  })
})

describe('an address counts as', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::FFFF:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
    ['', ''],
  ])('%s: %s', (given, group) => {
    expect(addressGroup(given)).toBe(group)
  })
})

it('strikes forget whoever was not struck for longest, and so stay bounded', () => {
  const strikes = new Strikes({ borne: 0, windowMs: 1000, blockMs: 1000, keys: 2 }, () => 0)
  for (const key of ['a', 'b', 'c']) strikes.strike(key)
  expect(['a', 'b', 'c'].map((key) => strikes.blocked(key))).toEqual([false, true, true])
})

describe('a token bucket', () => {
  it('gives what is in it, and says when there is more', () => {
    const bucket = new TokenBucket({ perS: 50, burst: 2 }, 1000)
    expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([true, true, false])
    expect(bucket.waitMs()).toBe(20)
    bucket.refill(1019)
    expect(bucket.take()).toBe(false)
    bucket.refill(1020)
    expect([bucket.take(), bucket.take()]).toEqual([true, false])
    bucket.refill(1_000_000)
    expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([true, true, false])
  })

  it('takes on another rate', () => {
    const bucket = new TokenBucket({ perS: 50, burst: 200 }, 0)
    bucket.change({ perS: 1, burst: 1 }, 0)
    expect([bucket.take(), bucket.take()]).toEqual([true, false])
    expect(bucket.waitMs()).toBe(1000)
  })
})
