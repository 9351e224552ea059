import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, type Program } from '../support/program.ts'
import { Home } from '../e2e/support/home.ts'

/** `baywire keys` beside a running `baywire start`. */
interface Listed {
  items: { kid: string; state: string; signs_from: string; retired_at: string | null }[]
}

let home: Home
let program: Program

beforeAll(async () => {
  home = await Home.create()
  program = await home.start()
})
afterAll(() => home.remove())

const list = () => home.json<Listed>(['keys', 'list'])

async function published(): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${home.httpPort}/.well-known/jwks.json`)
  expect(response.status).toBe(200)
  const { keys } = (await response.json()) as { keys: { kid: string }[] }
  return keys.map(({ kid }) => kid).toSorted()
}

const inForce = ({ items }: Listed) =>
  items
    .filter(({ retired_at: retiredAt }) => retiredAt === null)
    .map(({ kid }) => kid)
    .toSorted()

describe('signing keys', () => {
  it('are there after the first start, and the secret that seals them is for its owner alone', async () => {
    const listed = await list()
    expect(listed.items.map(({ state }) => state)).toEqual(['next', 'signs'])
    expect(await published()).toEqual(inForce(listed))
    const { mode } = await stat(join(home.directory, 'data', 'secret'))
    expect(mode & 0o777).toBe(0o600)
  })

  it('are the same after a crash', async () => {
    const before = await list()
    await program.kill()
    program = await home.start()
    expect(await list()).toEqual(before)
  })

  it('are rotated without an interruption: the next one signs in 10 minutes', async () => {
    const before = await list()
    const after = await home.json<Listed>(['keys', 'rotate'])
    expect(inForce(after)).toEqual(inForce(before))
    const [next] = after.items
    expect(next?.state).toBe('next')
    expect(Date.parse(next?.signs_from ?? '') - Date.now()).toBeLessThanOrEqual(10 * 60_000)
  })

  it('that leaked are gone at once, in the process that runs too', async () => {
    const before = await list()
    const after = await home.json<Listed>(['keys', 'rotate', '--now'])
    expect(inForce(after).filter((kid) => inForce(before).includes(kid))).toEqual([])
    await eventually('the new keys are published', async () => {
      return (await published()).join() === inForce(after).join()
    })
  })
})
