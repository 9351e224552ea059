import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addReplay } from '../../src/cli/replay/command.ts'
import { progressLine } from '../../src/cli/replay/progress.ts'
import { ResumeFile } from '../../src/cli/replay/resume.ts'
import { targetOf } from '../../src/cli/replay/target.ts'
import { BaywireError } from '../../src/errors.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baywire-unit-'))
})
afterAll(() => rm(directory, { recursive: true }))

/** What is said, and the exit code, where the command is refused before anything is opened. */
async function refusalOf(options: readonly string[]): Promise<{ code: number; said: string }> {
  let said = ''
  const program = new Command('baywire').exitOverride()
  addReplay(program)
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeErr: (text) => (said += text) })
  }
  try {
    await program.parseAsync(['replay', ...options], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return { code: error.exitCode === 0 ? 0 : 2, said }
    if (error instanceof BaywireError) return { code: error.exitCode, said: `${error.message}: ${error.advice}` }
    throw error
  }
  throw new Error('was not refused')
}

describe('baywire replay', () => {
  test.each([
    ['--since 2026-01-02T00:00:00Z --until 2026-01-01T00:00:00Z', '--since must be before --until'],
    ['--since 2026-01-02T00:00:00Z --until 2026-01-02T00:00:00Z', '--since must be before --until'],
    ['--since yesterday', 'RFC 3339'],
    ['--topic parking/#/x', 'must be an MQTT topic filter'],
    ['--outcome applied,lost', 'must be some of'],
    ['--space a/b/c', 'must be SITE/SPACE'],
    ['--space a/b --site c', '--space is at site "a", and --site is "c"'],
    ['--verify --dry-run', 'only one'],
    ['--to-file a --to-mqtt mqtt://b', 'only one'],
    ['--verify --since 2026-01-02T00:00:00Z', '--since: does not go with --verify'],
    ['--verify --from-file a', '--from-file: does not go with --verify'],
    ['--speed 2', '--speed: goes with --to-mqtt'],
    ['--resume a', '--resume: goes with --to-mqtt'],
    ['--to-file a --policy b', '--policy: goes with --dry-run'],
    ['--to-file a --from-file b', 'it is in a file already'],
    ['--to-mqtt http://x', 'must be a URL such as mqtt://'],
    ['--to-mqtt mqtt:', 'must be a URL such as mqtt://'],
    ['--to-mqtt mqtt://x --prefix a/+/', 'must be the beginning of a topic'],
    ['--to-mqtt mqtt://x --live --prefix a/', '--prefix: does not go with --live'],
    ['--to-mqtt mqtt://x --confirm 3', '--confirm: goes with --live'],
    ['--to-mqtt mqtt://x --live --confirm 0', 'must be a whole number'],
    ['--to-mqtt mqtt://x --speed 0', 'must be max, or a number above 0'],
  ])('%s is wrong use', async (options, said) => {
    const refusal = await refusalOf(options.split(' '))
    expect(refusal.code, refusal.said).toBe(2)
    expect(refusal.said).toContain(said)
  })

  test.each([
    ['nothing there', undefined, 'cannot be read'],
    ['no JSON', '{"debounce"', 'cannot be read'],
    ['unknown fields', '{"debouncing": null}', 'debouncing'],
    ['values that are none', '{"debounce": {"readings": 0, "hold_s": 10}}', 'debounce.readings'],
  ])('a policy with %s is wrong use', async (name, content, said) => {
    const path = join(directory, `${name}.json`)
    if (content !== undefined) await writeFile(path, content)
    const refusal = await refusalOf(['--policy', path])
    expect(refusal.code, refusal.said).toBe(2)
    expect(refusal.said).toContain(said)
  })

  test('never takes live topics for a prefix', () => {
    expect(() => targetOf('mqtt://x', { prefix: '' })).toThrow('would be the live ones')
    expect(targetOf('mqtt://x', {})).toEqual({ url: 'mqtt://x', prefix: 'replay/' })
    expect(targetOf('mqtt://x', { live: true })).toEqual({ url: 'mqtt://x', prefix: '' })
  })
})

describe('how far a replay came', () => {
  const of = { source: 'database', filter: { tenant: 'acme' } }
  const position = { receivedAt: Date.UTC(2026, 10, 20), id: '019a0000-0000-7000-8000-000000000001' }

  test('is kept, and belongs to that replay', async () => {
    const path = join(directory, 'a.resume')
    const file = await ResumeFile.open(path, of)
    expect(file.position).toBeUndefined()
    file.note(position)
    await file.save()
    expect((await ResumeFile.open(path, of)).position).toEqual(position)
    await expect(ResumeFile.open(path, { ...of, filter: {} })).rejects.toThrow('other filters or another target')
    await file.remove()
    expect((await ResumeFile.open(path, of)).position).toBeUndefined()
  })

  test('is no other file that lies there', async () => {
    const path = join(directory, 'other.json')
    await writeFile(path, '{"mine": true}')
    await expect(ResumeFile.open(path, of)).rejects.toThrow('is no file of a replay')
  })
})

test('progress says the share, the rate and what is left', () => {
  expect(progressLine({ done: 250, of: 1000, gained: 200, seconds: 2 })).toBe(
    '[######..................] 25 %  250 of 1,000  100/s, 8 s left',
  )
  expect(progressLine({ done: 0, of: 10, gained: 0, seconds: 0 })).not.toContain('left')
})
