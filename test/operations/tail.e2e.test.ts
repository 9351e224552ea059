/** `baywire tail` beside a program that is restarted: nothing that was committed is missed, or shown twice. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../support/program.ts'
import { Home } from '../e2e/support/home.ts'

let home: Home
beforeAll(async () => {
  home = await Home.create()
})
afterAll(() => home.remove())

const simulate = (tenant: string, messages: number) =>
  home.json(['simulate', '--tenant', tenant, '--provision', '--spaces', '5', '--messages', String(messages)])

it('follows what its filters take, across a restart of Baywire and its database', async () => {
  const first = await home.start()
  await simulate('acme', 1)
  const all = home.spawn(['tail', '--json', '--topic', 'parking/v1/acme/#'])
  const one = home.spawn(['tail', '--tenant', 'acme', '--device', 'sim-00001', '--outcome', 'applied,unchanged'])
  const shown = () => all.stdout.split('\n').filter((line) => line !== '')
  // It shows what is committed once it is there: that is told by what it shows first.
  let sent = 0
  await eventually(
    'both follow',
    async () => {
      await simulate('acme', 5)
      sent += 5
      return shown().length > 0 && one.stdout.includes('acme/sim-00001')
    },
    { withinMs: 100_000 },
  )
  const before = shown().length
  expect(before).toBeLessThanOrEqual(sent)

  await first.stop()
  await eventually('it notices', async () => all.stderr.includes('waiting for the database'))
  await home.start()
  await simulate('acme', 20)
  await simulate('other', 5)
  await eventually('the rest', async () => shown().length >= before + 20, { withinMs: 60_000 })
  expect(all.stderr).toContain('the database is back')

  const arrivals = shown().map((line) => JSON.parse(line) as { tenant: string; id: string; part: number })
  expect(new Set(arrivals.map(({ tenant }) => tenant))).toEqual(new Set(['acme']))
  const keys = arrivals.map(({ id, part }) => `${id} ${part}`)
  expect(new Set(keys).size).toBe(keys.length)
  const lines = one.stdout.trimEnd().split('\n')
  expect(lines.every((line) => line.includes('acme/sim-00001'))).toBe(true)
  // No terminal: no colours.
  expect(one.stdout).not.toContain('\u001b')
  for (const tail of [all, one]) {
    // oxlint-disable-next-line no-await-in-loop -- two of them
    expect(await tail.stop()).toMatchObject({ code: 0 })
  }
})
