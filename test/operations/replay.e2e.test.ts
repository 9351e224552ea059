/** Replays as an operator meets them: dry runs, backtests, a night in a file, and brokers that go away. */
import { existsSync, readFileSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DryRunReport } from '../../src/replay/dry-run-report.ts'
import { mosquittoProgram, startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { eventually } from '../support/program.ts'
import { expectSound, type Simulated } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'
import { spacesOf } from '../e2e/support/spaces.ts'
import { makeTenant } from '../e2e/support/tenant.ts'

const log = fileURLToPath(new URL('../../../shared/data/occupancy/ladot-events-2026-05-12.csv', import.meta.url))
const here = existsSync(log)
const columns = ['--csv', log, '--device', 'SpaceID', '--at', 'EventTime_UTC', '--state', 'OccupancyState']
const meaning = ['--occupied', 'OCCUPIED', '--vacant', 'VACANT', '--timezone', 'UTC', '--rebase']
const spaces = 20
const messages = 400

interface Line {
  n: number
  of: number
  id: string
  topic: string
  payload: string
  outcome: string
}

let home: Home
let night: string
beforeAll(async () => {
  home = await Home.create()
  night = join(home.directory, 'night.ndjson')
  await home.start()
  const size = ['--spaces', String(spaces), '--messages', String(messages), '--rate', 'max']
  await home.json<Simulated>(['simulate', '--tenant', 'acme', '--provision', ...size])
  await home.json(['replay', '--tenant', 'acme', '--to-file', night])
})
afterAll(() => home.remove())

const replay = (...options: string[]) => home.json<DryRunReport>(['replay', ...options])
const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

async function shown(one: Home) {
  const all = (await spacesOf(one, { tenant: 'acme', site: 'main' })).values()
  return Array.from(all).toSorted((a, b) => (a.code < b.code ? -1 : 1))
}

async function policyFile(content: unknown): Promise<string> {
  const path = join(home.directory, `policy-${Math.random()}.json`)
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

describe.skipIf(!here)('the log of a city', () => {
  it('keeps 405 to 416 of its 482 transitions when it is debounced, and says which disappear', async () => {
    await home.json<Simulated>(['simulate', '--tenant', 'ladot', '--provision', ...columns, ...meaning])
    expect(await replay('--tenant', 'ladot')).toMatchObject({
      readings: 490,
      spaces: 119,
      outcomes: { recorded: { applied: 482, unchanged: 8 }, replayed: { applied: 482, unchanged: 8 } },
      transitions: { recorded: 482, replayed: 482, remaining: 482, removed: 0, added: 0 },
    })
    const policy = await policyFile({ debounce: { readings: 2, hold_s: 10 } })
    const report = await replay('--tenant', 'ladot', '--policy', policy)
    const { remaining, removed } = report.transitions
    expect(remaining).toBeGreaterThanOrEqual(405)
    expect(remaining).toBeLessThanOrEqual(416)
    expect(remaining + removed).toBe(482)
    expect(report.changes.filter(({ change }) => change === 'removed')).toHaveLength(removed)

    const { stdout } = await home.run(['replay', '--tenant', 'ladot', '--policy', policy])
    expect(stdout).toContain(`${remaining} remain, ${removed} disappear`)
    expect(stdout.match(/^disappears /gm)).toHaveLength(removed)
    await expectSound(home, 'ladot')

    // The same out of a file, of which nothing but the file is known.
    const path = join(home.directory, 'city.ndjson')
    await home.json(['replay', '--tenant', 'ladot', '--to-file', path])
    const elsewhere = await replay('--from-file', path, '--policy', policy)
    expect(elsewhere).toEqual({ ...report, no_shows: null, disagreement_minutes: elsewhere.disagreement_minutes })
  })
})

describe('a file', () => {
  it('has each reading in the order of arrival, once, with its bytes and what became of it', async () => {
    const all = lines(await readFile(night, 'utf8'))
    expect(all).toHaveLength(messages)
    expect(all.map(({ n, of }) => [n, of])).toEqual(all.map((_, index) => [index + 1, messages]))
    expect(JSON.parse(Buffer.from(all[0]?.payload ?? '', 'base64').toString())).toHaveProperty('readings')
    const again = await home.run(['replay', '--tenant', 'acme', '--to-file', night])
    expect(again).toMatchObject({ code: 1, stdout: '' })
    expect(again.stderr).toContain('there is such a file already')
    expect((await readdir(home.directory)).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  it('is read without any database, and comes to what was recorded', async () => {
    const env = { BAYWIRE_DATA_DIR: '/nowhere', DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' }
    const report = await home.json<DryRunReport>(['replay', '--from-file', night], { env })
    expect(report).toMatchObject({ readings: messages, spaces, changed_outcomes: 0 })
    const one = await home.json<DryRunReport>(['replay', '--from-file', night, '--device', 'sim-00001'], { env })
    expect(one).toMatchObject({ readings: messages / spaces, spaces: 1, changed_outcomes: 0 })
  })

  it('that was cut off is refused, with nothing done', async () => {
    const path = join(home.directory, 'cut.ndjson')
    await writeFile(path, readFileSync(night, 'utf8').slice(0, -50))
    const ended = await home.run(['replay', '--from-file', path])
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain(`${path}, line ${messages}: is no JSON, or was cut off`)
  })

  it('published into an empty instance gives the same states', async () => {
    const other = await Home.create()
    try {
      await other.start()
      const topic = lines(await readFile(night, 'utf8'))[0]?.topic ?? ''
      const gateway = topic.split('/')[4] ?? ''
      const devices = [...(await spacesOf(home, { tenant: 'acme', site: 'main' })).keys()]
      const made = await makeTenant(await other.databaseUrl(), { tenant: 'acme', devices, gateway })
      const { username, secret } = made.gateway
      const url = `mqtt://${encodeURIComponent(username)}:${encodeURIComponent(secret)}@127.0.0.1:${other.mqttPort}`
      const onto = ['replay', '--from-file', night, '--to-mqtt', url, '--live']

      const unconfirmed = await other.run(onto)
      expect(unconfirmed).toMatchObject({ code: 1, stdout: '' })
      expect(unconfirmed.stderr).toContain(`add --confirm ${messages}`)
      expect(await other.run([...onto, '--confirm', '399'])).toMatchObject({ code: 1 })
      expect(await other.run(['replay', '--tenant', 'acme'])).toMatchObject({ code: 1 })

      const published = await other.json([...onto, '--confirm', String(messages)])
      expect(published).toMatchObject({ messages, acknowledged: messages, skipped: 0, resume: null })
      expect(await shown(other)).toEqual(await shown(home))
      await expectSound(other, 'acme')
    } finally {
      await other.remove()
    }
  })
})

describe('what is not there', () => {
  it('is a refusal that names it', async () => {
    const refused: [options: string[], said: string][] = [
      [['--tenant', 'nobody'], 'there is no tenant "nobody"'],
      [['--tenant', 'acme', '--space', 'main/nothing'], 'there is no space "main/nothing"'],
      [['--device', 'nothing'], 'no reading is chosen'],
      [['--tenant', 'acme', '--to-file', '/nowhere/night.ndjson'], 'cannot be written'],
      [['--from-file', night, '--to-mqtt', 'mqtt://127.0.0.1:1'], 'nothing listens there'],
    ]
    for (const [options, said] of refused) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const ended = await home.run(['replay', ...options])
      expect(ended, options.join(' ')).toMatchObject({ code: 1, stdout: '' })
      expect(ended.stderr, options.join(' ')).toContain(said)
    }
  })
})

describe.skipIf(mosquittoProgram === undefined)('onto a broker under a prefix', () => {
  const user = { username: 'replayer', secret: 'replay-secret' }
  let broker: Mosquitto
  beforeAll(async () => {
    broker = await startMosquitto([user], { rules: ['user replayer', 'topic readwrite replay/#'] })
  })
  afterAll(() => broker.stop())

  const onto = (...options: string[]) => ['replay', '--from-file', night, '--to-mqtt', broker.url(user), ...options]

  it('goes no further than the prefix, and tells how many were taken', async () => {
    expect(await home.json(onto())).toMatchObject({ messages, acknowledged: messages })
  })

  it('that stops answering says how far it got, and goes on from there', async () => {
    const resume = join(home.directory, 'on.resume')
    // The simulation took some seconds: slowed down, the replay takes longer than this test.
    const slow = home.spawn(onto('--speed', '0.05', '--resume', resume, '--give-up', '2s', '--json'))
    await eventually('some messages are taken', async () => !slow.running || existsSync(resume))
    broker.freeze()
    const ended = await slow.end(60_000)
    broker.thaw()
    expect(ended, slow.describe()).toMatchObject({ code: 1 })
    expect(ended.stderr).toContain('acknowledges nothing any more')
    expect(ended.stderr).toContain(`--resume ${resume}`)
    const { acknowledged } = JSON.parse(ended.stdout) as { acknowledged: number }
    expect(acknowledged).toBeGreaterThan(0)
    expect(acknowledged).toBeLessThan(messages)

    const other = await home.run(onto('--resume', resume, '--device', 'sim-00001'))
    expect(other).toMatchObject({ code: 1 })
    expect(other.stderr).toContain('is of a replay with other filters or another target')

    const rest = await home.json(onto('--resume', resume))
    expect(rest).toMatchObject({ messages, acknowledged: messages - acknowledged, skipped: acknowledged, resume: null })
    expect(existsSync(resume)).toBe(false)
  })

  it('is interrupted in order, and goes on', async () => {
    const resume = join(home.directory, 'interrupted.resume')
    const slow = home.spawn(onto('--speed', '0.05', '--resume', resume))
    await eventually('some messages are taken', async () => !slow.running || existsSync(resume))
    const ended = await slow.stop()
    expect(ended, slow.describe()).toMatchObject({ code: 1 })
    expect(ended.stderr).toContain('interrupted')
    expect(await home.json(onto('--resume', resume))).toMatchObject({ messages })
  })

  it('survives a restart of the broker', async () => {
    const running = home.spawn(onto('--speed', '0.3', '--json', '--resume', join(home.directory, 'restart.resume')))
    await eventually(
      'some messages',
      async () => existsSync(join(home.directory, 'restart.resume')) || !running.running,
    )
    await broker.restart({ signal: 'SIGKILL' })
    const ended = await running.end(100_000)
    expect(ended, running.describe()).toMatchObject({ code: 0 })
    expect(JSON.parse(ended.stdout)).toMatchObject({ acknowledged: messages })
  })
})
