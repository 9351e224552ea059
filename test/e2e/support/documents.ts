import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What a reader may copy out of a document. */
export interface Block {
  /** `sh`, `json`, or nothing. */
  language: string
  text: string
  /** Marked to be run as it stands. */
  runs: boolean
  line: number
}

export interface Document {
  path: string
  text: string
  blocks: Block[]
}

export const root = fileURLToPath(new URL('../../..', import.meta.url))
const fence = /^( *)(?:<!-- runs -->\n\1)?```(\w*)\n([\s\S]*?)^\1```$/gm

/** README and all that lies in docs/. */
export function readDocuments(): Document[] {
  const docs = readdirSync(`${root}docs`).filter((name) => name.endsWith('.md'))
  return ['README.md', ...docs.map((name) => `docs/${name}`)].map((path) => {
    const text = readFileSync(`${root}${path}`, 'utf8')
    const blocks = Array.from(text.matchAll(fence), ({ 0: whole, 2: language = '', 3: inside = '', index }) => ({
      language,
      text: inside,
      runs: whole.trimStart().startsWith('<!-- runs -->'),
      line: text.slice(0, index).split('\n').length,
    }))
    return { path, text, blocks }
  })
}

const commandLine = /^\s*(?:\$ )?((?:[A-Z_]+=\S+ )*)(?:(?:npx )?baywire|node dist\/main\.js) (.*)$/

/** The arguments of each line that calls the program, continued lines joined. */
export function commandsIn(text: string): string[] {
  const lines = text.replaceAll(/\\\n\s*/g, '').split('\n')
  return lines.flatMap((line) => commandLine.exec(line)?.[2]?.trim() ?? [])
}

/** Calls of the program within a sentence; they name a command, and need not be complete. */
export function mentionsIn(text: string): string[] {
  const prose = text.replaceAll(fence, '')
  return Array.from(prose.matchAll(/`(?:npx )?baywire ([a-z][^`…]*)`/g), ([, command = '']) => command.trim())
}

const word = /'([^']*)'|"([^"]*)"|[^\s'"]+/g
const end = /^(?:\|\|?|&&?|;|<|#|\d?>>?(?:&\d)?)$/

/** The words of a command, as far as it goes before a shell would begin something else. */
export function wordsOf(command: string): string[] {
  const words = Array.from(command.matchAll(word), ([whole, single, double]) => single ?? double ?? whole)
  const length = words.findIndex((each) => end.test(each))
  return length === -1 ? words : words.slice(0, length)
}
