import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, type Program } from '../support/program.ts'
import { expectSound } from './support/books.ts'
import { wordsOf } from './support/documents.ts'
import { Home } from './support/home.ts'
import { Sender } from './support/sender.ts'
import { runInShell } from './support/shell.ts'
import { spacesOf, type PublicSpace } from './support/spaces.ts'

/** `baywire demo` as a newcomer meets it: what it prints is there to be copied, so it is. */
interface Availability {
  as_of: string
  sites: { site: string; total: number; status: Record<string, number> }[]
}

const commandMs = 30_000

let home: Home
let program: Program
beforeAll(async () => {
  home = await Home.create()
  program = await home.start(['demo'])
  await eventually('what to try', () => program.stdout.includes('another password'))
})
afterAll(() => home.remove())

function printed(beginning: string): string[] {
  const lines = program.stdout.split('\n').map((line) => line.trim())
  return lines.filter((line) => line.startsWith(beginning))
}

const availability = () => home.get<Availability>('/api/v1/public/demo/availability')

it('says nothing beside what to try: no warning, no code', () => {
  const expected = /^(creating the embedded database|migrating the database)/
  const lines = program.stderr.split('\n').filter((line) => line !== '')
  expect(lines.filter((line) => !expected.test(line))).toEqual([])
})

it('has at least 120 spaces at two sites, each with a place on the map', async () => {
  const { sites } = await availability()
  expect(sites).toHaveLength(2)
  expect(sites.reduce((sum, { total }) => sum + total, 0)).toBeGreaterThanOrEqual(120)
  for (const { site } of sites) {
    // oxlint-disable-next-line no-await-in-loop -- two of them
    for (const space of (await spacesOf(home, { tenant: 'demo', site })).values()) {
      expect(space).toMatchObject({ lat: expect.any(Number), lon: expect.any(Number) })
    }
  }
})

it('has counts that change while one looks', async () => {
  const seen = new Set<string>()
  await eventually('three different counts', async () => {
    seen.add(JSON.stringify((await availability()).sites.map(({ status }) => status)))
    return seen.size >= 3
  })
})

it('prints addresses that answer', async () => {
  const lines = printed('curl ')
  expect(lines.length).toBeGreaterThanOrEqual(3)
  const address = /(http:\/\/\S+\/openapi\.json)/.exec(program.stdout)?.[1]
  const addresses = lines.map((line) => /http:\/\/\S+/.exec(line)?.[0] ?? '')
  for (const url of [...addresses, address ?? '']) {
    // oxlint-disable-next-line no-await-in-loop
    expect((await fetch(url)).status, url).toBe(200)
  }
})

it('prints commands that work', async () => {
  const commands = printed('npx baywire ').map((line) => wordsOf(line).slice(2))
  expect(new Set(commands.map(([name]) => name))).toEqual(new Set(['ledger', 'tail']))
  for (const words of commands) {
    const command = home.spawn(words)
    // oxlint-disable-next-line no-await-in-loop
    await eventually(words.join(' '), () => command.stdout.includes('\n'))
    // oxlint-disable-next-line no-await-in-loop -- following has no end of its own
    const ended = await (words[0] === 'tail' ? command.stop() : command.end(commandMs))
    expect(ended, words.join(' ')).toMatchObject({ code: 0 })
  }
})

it('prints a line that makes its reader a sensor', async () => {
  const [line = '', ...more] = printed('mosquitto_pub ')
  expect(more).toEqual([])
  const said = wordsOf(line)
  const value = (flag: string) => said[said.indexOf(flag) + 1] ?? ''
  const connection = ['-h', '-p', '-V', '-q'].map(value)
  expect(connection).toEqual(['127.0.0.1', String(home.mqttPort), 'mqttv311', '1'])
  expect(value('-i')).toBe(value('-u'))
  expect(await spare()).toMatchObject({ status: 'unknown', observed_at: null })

  const identity = { username: value('-u'), secret: value('-P') }
  const sender = await Sender.connect({ port: home.mqttPort, identity })
  await sender.publish(value('-t'), [value('-m')])
  await sender.close()
  await eventually('an occupied space', async () => (await spare())?.status === 'occupied')

  if (!(await isInstalled('mosquitto_pub'))) return
  await runInShell(home, line.replace('true', 'false'))
  await eventually('a free space', async () => (await spare())?.status === 'free')
})

it('prints how to sign in, which works; at the next start, too', async () => {
  expect(await signInAsPrinted(program)).toBe(200)
  const first = program
  await program.stop()
  program = await home.start(['demo'])
  await eventually('what to try', () => program.stdout.includes('another password'))
  expect(await signInAsPrinted(program)).toBe(200)
  expect(await signInAsPrinted(first)).toBe(401)
})

async function signInAsPrinted({ stdout, stderr }: Program): Promise<number> {
  const [, url = '', email = '', password = ''] = /Sign in at (\S+) as (\S+) with (\S+)/.exec(stdout) ?? []
  expect((await fetch(url)).headers.get('content-type')).toMatch('text/html')
  expect(stderr).not.toContain(password)
  const { status } = await fetch(`${url}api/v1/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  return status
}

async function spare(): Promise<PublicSpace | undefined> {
  return (await spacesOf(home, { tenant: 'demo', site: 'harbour' })).get('SPARE')
}

async function isInstalled(name: string): Promise<boolean> {
  return await runInShell(home, `command -v ${name}`).then(
    () => true,
    () => false,
  )
}

it('balances, with its faulty sensors', async () => {
  const { ledger } = await expectSound(home, 'demo')
  expect(ledger.applied).toBeGreaterThan(100)
})
