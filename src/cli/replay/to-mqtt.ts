import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { BaywireError, describeError } from '../../errors.ts'
import { brokerName } from '../../mqtt/address.ts'
import type { ReadingFilter } from '../../replay/filter.ts'
import { countMessages, publishMessages, type Published } from '../../replay/publish.ts'
import type { OpenDatabase } from '../open.ts'
import type { Terminal } from '../terminal.ts'
import { interruptible } from './interrupt.ts'
import { noneChosen } from './options.ts'
import { progressOn } from './progress.ts'
import { ResumeFile } from './resume.ts'
import { connectTarget, type Target } from './target.ts'
import { exportToFile } from './to-file.ts'

export interface ToMqttCommand {
  readonly target: Target
  readonly filter: ReadingFilter
  readonly speed: number | 'max'
  /** How many messages the person means, where the topics are live. */
  readonly confirm: number | undefined
  readonly resume: string | undefined
  readonly giveUpMs: number
  readonly json: boolean
  readonly terminal: Terminal
}

/**
 * Publishes logged messages again. Those of the database are copied into a temporary file first: however slowly they are
 * published, no transaction is open meanwhile.
 *
 * @param source the database, or the path of a replay file
 */
export async function runToMqtt(source: OpenDatabase | string, command: ToMqttCommand): Promise<void> {
  await interruptible(async (signal) => {
    if (typeof source === 'string') {
      await publishFile({ ...command, path: source, signal }, resolve(source))
      return
    }
    const directory = await mkdtemp(join(tmpdir(), 'baywire-replay-'))
    try {
      const path = join(directory, 'messages.ndjson')
      await exportToFile(source, { ...command, path, signal, quiet: true }).catch((error: unknown) => {
        throw signal.aborted ? new BaywireError('interrupted: nothing was published') : error
      })
      await publishFile({ ...command, path, signal }, 'database')
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
}

type File = ToMqttCommand & { path: string; signal: AbortSignal }

async function publishFile(file: File, source: string): Promise<void> {
  const { target, filter, terminal, json } = file
  const { messages, readings } = await countMessages(file)
  if (messages === 0) throw noneChosen()
  const where = `${brokerName(target.url)}, ${target.prefix === '' ? 'LIVE topics' : `under ${target.prefix}`}`
  if (!json) terminal.note(`${messages} messages with ${readings} readings that are chosen, onto ${where}`)
  if (target.prefix === '') await confirmLive(file, messages)
  const identity = { source, filter, target: brokerName(target.url), prefix: target.prefix }
  const resume = file.resume === undefined ? ResumeFile.unasked(identity) : await ResumeFile.open(file.resume, identity)
  const published = await publish(file, { resume, messages })
  await end(file, { published, resume, messages })
}

/** @throws unless the number of messages was given, or is typed now */
async function confirmLive({ confirm, terminal }: File, messages: number): Promise<void> {
  const text = `these are ${messages} messages for live topics: whoever listens there takes them for new`
  if (confirm === undefined && process.stdin.isTTY) {
    if ((await ask(`${text}. Type ${messages} to publish them: `)) === String(messages)) return
    throw new BaywireError('not confirmed: nothing was published')
  }
  if (confirm === messages) return
  terminal.note(text)
  throw new BaywireError('--live: is not confirmed, so nothing was published', { advice: `add --confirm ${messages}` })
}

/** What is typed; nothing where Ctrl-C is. */
async function ask(question: string): Promise<string> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  const ended = new AbortController()
  prompt.once('SIGINT', () => ended.abort())
  try {
    return (await prompt.question(question, { signal: ended.signal })).trim()
  } catch {
    return ''
  } finally {
    prompt.close()
  }
}

async function publish(file: File, { resume, messages }: { resume: ResumeFile; messages: number }): Promise<Published> {
  const publisher = await connectTarget(file.target)
  const show = progressOn(file.terminal)
  // Without the option the file is written at the end alone, where there is one too few.
  const keep = file.resume !== undefined
  let last = resume.position
  const published = await publishMessages({
    ...file,
    prefix: file.target.prefix,
    publisher,
    after: resume.position,
    onProgress(done, position) {
      last = position
      if (keep) resume.note(position)
      show(done, messages)
    },
  })
  if (published.stopped !== undefined && last !== undefined) {
    resume.note(last)
    await resume.save()
  }
  return published
}

interface Ended {
  readonly published: Published
  readonly resume: ResumeFile
  readonly messages: number
}

async function end({ target, json, terminal }: File, { published, resume, messages }: Ended): Promise<void> {
  const { acknowledged, skipped, seconds, stopped } = published
  const done = acknowledged + skipped
  const rate = Math.round(acknowledged / Math.max(seconds, 0.001))
  if (stopped === undefined) await resume.remove()
  const file = stopped === undefined || resume.position === undefined ? null : resume.path
  if (json) {
    terminal.print(JSON.stringify({ messages, acknowledged, skipped, seconds, rate, resume: file }))
  } else {
    const before = skipped === 0 ? '' : `, ${skipped} by an earlier run`
    terminal.print(`${done} of ${messages} messages are acknowledged${before}: ${seconds.toFixed(1)} s (${rate}/s)`)
  }
  if (stopped === undefined) return
  throw new BaywireError(`${reasonOf(stopped, target)}: ${done} of ${messages} messages are acknowledged`, {
    advice: file === null ? 'run it again' : `go on with the same command and --resume ${file}`,
  })
}

function reasonOf(stopped: NonNullable<Published['stopped']>, { url }: Target): string {
  if (stopped === 'interrupted') return 'interrupted'
  const broker = brokerName(url)
  if (stopped === 'silent') return `${broker} acknowledges nothing any more, or lets this user publish nothing there`
  return `${broker} lets us in no more (${describeError(stopped.failure)})`
}
