import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/program.ts'
import { expectSound } from './support/books.ts'
import { readDocuments } from './support/documents.ts'
import { Home } from './support/home.ts'
import { runInShell } from './support/shell.ts'

/** docs/tour.md as a newcomer follows it: every block as it stands, in one shell, beside the program that the first one starts. */
const [start, ...steps] = readDocuments()
  .filter(({ path }) => path === 'docs/tour.md')
  .flatMap(({ blocks }) => blocks.map(({ text }) => text))

const end = '=== end of a step ==='

let home: Home
/** What each step printed. */
let printed: string[]

describe.skipIf(!isInstalled('mosquitto_pub'))('docs/tour.md', () => {
  beforeAll(async () => {
    home = await Home.create()
    await startLogged()
    const script = steps.map((step) => `${step}\necho '${end}'\n`).join('')
    const out = await runInShell(home, script, { directory: home.directory })
    printed = out.split(`${end}\n`)
  })
  afterAll(() => home?.remove())

  it('begins with a start whose log is kept', () => {
    expect(start).toBe('npx baywire start 2>&1 | tee baywire.log\n')
  })

  it('has somebody who owns a new tenant', () => {
    expect(JSON.parse(said('/auth/me'))).toMatchObject({
      user: { email: 'ada@example.org' },
      tenants: [{ slug: 'city', role: 'owner' }],
    })
  })

  it('imports 50 spaces, of which nothing is known', () => {
    expect(JSON.parse(said('/spaces/import'))).toMatchObject({ spaces: { created: 50 } })
    expect(said('code_prefix')).toBe('unknown')
  })

  it('shows the secret of a device once', () => {
    const { credentials } = JSON.parse(said('"provision\\": true')) as { credentials: { secret: string } }
    expect(credentials.secret).toMatch(/^[\w-]{43}$/)
    expect(printed.filter((text) => text.includes(credentials.secret))).toHaveLength(1)
  })

  it('shows what the device published at once, and why', () => {
    expect(said('mosquitto_pub')).toBe('occupied')
  })

  it('has an invite that is in the log and in no answer', () => {
    const { id, ...invite } = JSON.parse(said('bo@example.org')) as Record<string, unknown>
    expect(id).toEqual(expect.any(String))
    expect(invite).toMatchObject({ email: 'bo@example.org', role: 'viewer' })
    expect(invite).not.toHaveProperty('token')
  })

  it('has a viewer who sees the space', () => {
    expect(said('$bo" | field status')).toBe('occupied')
  })

  it('has a viewer who changes nothing', () => {
    const refusals = said('South garage').split(/(?<=\})(?=\{)/)
    const problems = refusals.map((text) => JSON.parse(text) as Record<string, unknown>)
    const details = ['places:write', 'overrides:write', 'places:write', 'members:write'].map((permission) => ({
      status: 403,
      type: '/problems/forbidden',
      detail: expect.stringContaining(permission),
    }))
    expect(problems).toMatchObject(details)
  })

  it('ends with what anybody may read, and books that balance', async () => {
    const [, counts = ''] = said('/public/city/availability').split(/(?<=\})(?=\{)/)
    expect(JSON.parse(counts)).toMatchObject({
      sites: [{ site: 'north', total: 50, status: { occupied: 1, unknown: 49 } }],
    })
    const { ledger } = await expectSound(home, 'city')
    expect(ledger).toMatchObject({ received: 1, applied: 1 })
  })
})

/** What the step printed that has these words in it. */
function said(words: string): string {
  const index = steps.findIndex((step) => step.includes(words))
  if (index === -1) throw new Error(`docs/tour.md has no step with ${words}`)
  return (printed[index] ?? '').trim()
}

/** What the reader's `tee` keeps goes to the file directly, so that it is there when the request is answered. */
async function startLogged(): Promise<void> {
  const log = join(home.directory, 'baywire.log')
  const program = home.spawn(['start'], { LOG: log }, ['sh', '-c', 'exec "$0" "$@" 2> "$LOG"'])
  await eventually('/ready', async () => !program.running || (await home.readiness()).ready, { withinMs: 60_000 })
  if (!program.running) throw new Error(program.describe())
}

function isInstalled(command: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', `command -v ${command}`])
    return true
  } catch {
    return false
  }
}
