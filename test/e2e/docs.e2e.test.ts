import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CommanderError } from 'commander'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { settings } from '../../src/config.ts'
import { commandNames, helpOf, misuse } from './support/grammar.ts'
import { commandsIn, mentionsIn, readDocuments, root, wordsOf } from './support/documents.ts'
import { Home } from './support/home.ts'
import { runInShell } from './support/shell.ts'

/** What the documents tell people to type is there, and does what it says where they say so. */
const documents = readDocuments()

let home: Home
beforeAll(async () => {
  home = await Home.create()
})
afterAll(() => home.remove())

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

const commands = new Set(documents.flatMap(({ blocks }) => blocks.flatMap(({ text }) => commandsIn(text))))
const mentions = new Set(documents.flatMap(({ text }) => mentionsIn(text)))

describe('a line to be copied', () => {
  it.each([...commands])('baywire %s', async (command) => {
    expect(await misuse(wordsOf(command))).toBeUndefined()
  })
})

/** What is mentioned need not be complete. */
const incomplete = new Set(['commander.missingArgument', 'commander.missingMandatoryOptionValue'])

describe('a command that is mentioned', () => {
  it.each([...mentions].filter((command) => !commands.has(command)))('baywire %s', async (command) => {
    const wrong = await misuse(wordsOf(command))
    if (!(wrong instanceof CommanderError && incomplete.has(wrong.code))) expect(wrong).toBeUndefined()
  })
})

describe('help', () => {
  it('names the commands that these tests know', async () => {
    const { code, stdout } = await home.run(['--help'])
    expect(code).toBe(0)
    const listed = Array.from(stdout.matchAll(/^  ([a-z]+) /gm), ([, name]) => name)
    expect(listed).toEqual([...commandNames(), 'help'])
  })

  it.each(commandNames())('of %s has an example that is understood', async (name) => {
    const help = helpOf(name)
    const examples = commandsIn(help.slice(help.indexOf('\nExample')))
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) {
      expect(example.split(' ')[0]).toBe(name)
      // oxlint-disable-next-line no-await-in-loop
      expect(await misuse(wordsOf(example)), example).toBeUndefined()
    }
  })
})

describe.each(documents)('$path', ({ path, text, blocks }) => {
  it('names settings, scripts and files that there are', () => {
    const names = text.match(/\b(?:BAYWIRE_[A-Z_]+|DATABASE_URL(?:_[A-Z]+)*|MQTT_URL(?:_FILE)?)\b/g) ?? []
    expect(names.filter((name) => !(name.replace(/_FILE$/, '') in settings))).toEqual([])
    const called = Array.from(
      text.matchAll(/\bnpm (?:run ([a-z]+)|(test|start)\b)/g),
      ([, run, own]) => run ?? own ?? '',
    )
    expect(called.filter((name) => !(name in scripts))).toEqual([])
    const links = Array.from(text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g), ([, link = '']) => link)
    expect(links.filter((link) => !existsSync(resolve(root, dirname(path), link)))).toEqual([])
  })

  const running = blocks.filter(({ runs }) => runs)
  if (running.length === 0) return
  it('has blocks that run beside `baywire demo`', async () => {
    const program = await home.start(['demo'])
    for (const { text: script, line } of running) {
      // oxlint-disable-next-line no-await-in-loop -- each may build on the one before
      await expect(runInShell(home, script), `line ${line}`).resolves.toBeTypeOf('string')
    }
    expect(await program.stop()).toMatchObject({ code: 0 })
  })
})

it('has a block that is run', () => {
  expect(documents.some(({ blocks }) => blocks.some(({ runs }) => runs))).toBe(true)
})
