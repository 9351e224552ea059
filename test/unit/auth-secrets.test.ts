import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { randomDigits } from '../../src/auth/codes.ts'
import { DeviceCookies } from '../../src/auth/device-cookie.ts'
import { missingSender } from '../../src/auth/door.ts'
import { emailAddress } from '../../src/auth/email-address.ts'
import { PasswordHasher } from '../../src/auth/hashing.ts'
import { deriveKey } from '../../src/secret.ts'
import { installationSecret } from '../../src/cli/secret.ts'
import { readConfig } from '../../src/config.ts'
import { newId } from '../../src/ids.ts'
import type { Log } from '../../src/log.ts'

const directory = mkdtempSync(join(tmpdir(), 'baywire-secret-'))
afterAll(() => rmSync(directory, { recursive: true }))
const good = '6d1f0c2ab95e48737be0c4a1d2f38596'

describe('the secret of an installation', () => {
  it.each([
    ['too short', good.slice(1)],
    ['one character', 'a'.repeat(64)],
    ['that of an example', 'change-me-change-me-change-me-0123456789'],
    ['a word', 'this-is-our-default-secret-of-baywire-2026'],
  ])('is refused where it is %s, and is not shown', (_, text) => {
    const read = () => readConfig({ BAYWIRE_SECRET: text })
    expect(read).toThrow(/BAYWIRE_SECRET: must/)
    expect(read).not.toThrow(new RegExp(text))
  })

  it('must be given in production', async () => {
    const config = readConfig({ BAYWIRE_ENV: 'production', BAYWIRE_DATA_DIR: directory })
    await expect(installationSecret(config)).rejects.toThrow(/BAYWIRE_SECRET is not set/)
    expect(await installationSecret({ ...config, BAYWIRE_SECRET: good })).toBe(good)
  })

  it('is made once in development, whoever comes first, for nobody else to read', async () => {
    const config = readConfig({ BAYWIRE_DATA_DIR: join(directory, 'data') })
    const made = await Promise.all(Array.from({ length: 20 }, () => installationSecret(config)))
    expect(new Set(made).size).toBe(1)
    expect(made[0]).toMatch(/^[0-9a-f]{64}$/)
    const path = join(directory, 'data', 'secret')
    expect(readFileSync(path, 'utf8').trim()).toBe(made[0])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await installationSecret(config)).toBe(made[0])
  })

  it('gives each purpose a key of its own', () => {
    const keys = ['codes', 'device cookies', 'sealing'].map((purpose) => deriveKey(good, purpose).toString('hex'))
    expect(new Set(keys).size).toBe(3)
    expect(keys.every((key) => key.length === 64)).toBe(true)
    expect(deriveKey(good, 'codes').toString('hex')).toBe(keys[0])
  })
})

describe('hashing', () => {
  it('is argon2id with the parameters of the settings, and as long for nobody', async () => {
    const config = readConfig({})
    const { BAYWIRE_HASH_MEMORY_KIB: memoryKib, BAYWIRE_HASH_PASSES: passes } = config
    const hasher = await PasswordHasher.create({ memoryKib, passes, atOnce: 2, waiting: 64 })
    await hasher.inTurn(async (turn) => {
      const hash = await turn.hash('plinth gravel otter')
      expect(hash).toMatch(/^\$argon2id\$v=19\$(?=.*m=19456)(?=.*t=2)(?=.*p=1)/)
      expect(await turn.verify(hash, 'plinth gravel otter')).toBe(true)
      expect(await turn.verify(hash, 'plinth gravel otte')).toBe(false)
      expect(await turn.verify(undefined, 'plinth gravel otter')).toBe(false)
      expect(turn.isOutdated(hash)).toBe(false)
    })
    expect(() => readConfig({ BAYWIRE_HASH_MEMORY_KIB: '8192' })).toThrow(/BAYWIRE_HASH_MEMORY_KIB/)
  })

  it('is done a few at a time; what does not fit into the line is refused at once', async () => {
    const hasher = await PasswordHasher.create({ memoryKib: 1024, passes: 2, atOnce: 2, waiting: 3 })
    let running = 0
    let most = 0
    const release: (() => void)[] = []
    const begun = Array.from({ length: 10 }, () =>
      hasher.inTurn(async () => {
        running += 1
        most = Math.max(most, running)
        await new Promise<void>((resolve) => release.push(resolve))
        running -= 1
      }),
    )
    const refused = await Promise.allSettled(begun.slice(5))
    expect(refused.every(({ status }) => status === 'rejected')).toBe(true)
    expect(refused[0]).toMatchObject({ reason: { code: 'busy', retryAfterS: 1 } })
    for (let released = 0; released < 5; released += 1) {
      // oxlint-disable-next-line no-await-in-loop -- the next one begins when one has ended
      await Promise.race([begun[released], new Promise((resolve) => setImmediate(resolve))])
      release.shift()?.()
      // oxlint-disable-next-line no-await-in-loop
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(begun.slice(0, 5))
    expect(most).toBe(2)
    await expect(hasher.inTurn(() => Promise.reject(new Error('of the work')))).rejects.toThrow('of the work')
    expect(await hasher.inTurn(() => Promise.resolve('free again'))).toBe('free again')
  })
})

describe('a code', () => {
  it('is each as likely as any other', () => {
    const draws = 100_000
    const counts = new Map<string, number>()
    for (let draw = 0; draw < draws; draw += 1) {
      const code = randomDigits(6)
      expect(code.length).toBe(6)
      const cell = code.slice(0, 2)
      counts.set(cell, (counts.get(cell) ?? 0) + 1)
    }
    const expected = draws / 100
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    expect(counts.size).toBe(100)
    // 99 degrees of freedom: beyond this with a probability of 1e-6.
    expect(chiSquare).toBeLessThan(182)
  })
})

describe('the cookie of a device', () => {
  const cookies = new DeviceCookies({ key: deriveKey(good, 'device cookies'), days: 90 })
  const [userId, now] = [newId(), 1_800_000_000_000]
  const cookie = cookies.issue(userId, { now })

  it('is read back for its person, until it is too old', () => {
    const known = cookies.read(cookie, { userId, now })
    expect(known).toBeDefined()
    expect(cookies.read(cookies.issue(userId, { now, known }), { userId, now })).toEqual(known)
    expect(cookies.read(cookie, { userId, now: now + 90 * 86_400_000 - 1 })).toEqual(known)
    expect(cookies.read(cookie, { userId, now: now + 90 * 86_400_000 })).toBeUndefined()
  })

  it('is nothing for others, under another secret, or changed anywhere', () => {
    expect(cookies.read(cookie, { userId: newId(), now })).toBeUndefined()
    const others = new DeviceCookies({ key: deriveKey(good, 'codes'), days: 90 })
    expect(others.read(cookie, { userId, now })).toBeUndefined()
    for (let at = 0; at < cookie.length; at += 1) {
      const changed = cookie.slice(0, at) + (cookie[at] === '0' ? '1' : '0') + cookie.slice(at + 1)
      expect(cookies.read(changed, { userId, now }), changed).toBeUndefined()
    }
    for (const text of [undefined, '', '.', '...', 'x'.repeat(10_000)]) {
      expect(cookies.read(text, { userId, now })).toBeUndefined()
    }
  })
})

it.each([
  [' Jane@Mail.Example ', 'jane@mail.example'],
  ['J\u0041\u030ane@mail.example', 'jåne@mail.example'],
  ['jane@mail.example\0', undefined],
  ['jane@@mail.example', undefined],
  ['@mail.example', undefined],
  ['jane@', undefined],
  ['jane @mail.example', undefined],
  ['jane@mail.example\nbcc: x@y.example', undefined],
  ['"jane"@mail.example', undefined],
  ['<jane@mail.example>', undefined],
  ['jane@mail..example', undefined],
  ['jane\u200b@mail.example', undefined],
  [`${'j'.repeat(250)}@m.example`, undefined],
])('the address %j is %j', (text, address) => {
  expect(emailAddress(text)).toBe(address)
})

it('without a way to send, the log says so once, and nothing of what was to be sent', () => {
  const lines: unknown[] = []
  const sender = missingSender({ warn: (...line: unknown[]) => void lines.push(line) } as unknown as Log)
  const message = { purpose: 'reset_password', address: 'jane@mail.example', code: 'hidden-word' } as const
  sender.send(message)
  sender.send(message)
  expect(lines).toHaveLength(1)
  expect(JSON.stringify(lines)).not.toMatch(/hidden-word|jane/)
})
