import { appendFileSync } from 'node:fs'
import { inject, it } from 'vitest'
import { unmet, type Need } from './means.ts'
import { randomFrom, type Random } from './random.ts'
import type { Outcome } from './report.ts'

/**
 * A fault test: one fault, made again and again at moments that a seed decides, while readings arrive; then the
 * checker. The run in CI is short; `npm run soak` makes it as long as one likes.
 */
export interface FaultOptions {
  /** As it is called in docs/reliability.md. */
  id: string
  title: string
  needs?: readonly Need[]
  /** How often the fault is made, for every hundred of `--kills`, and in CI. */
  times: { perHundred: number; short: number }
  /** Readings that arrive meanwhile, as a part of `--messages`, and in CI. */
  messages: { part: number; short: number }
}

export interface Round {
  random: Random
  /** How often to make the fault. */
  times: number
  messages: number
  /** `npm run soak`: as hard as the criteria say. */
  long: boolean
  /** A line of progress. */
  say(line: string): void
}

/** What the checker found, and figures worth telling. Whatever is wrong is thrown instead. */
export interface Findings {
  sent: number
  acknowledged: number
  stored: number
  missing: number
  appliedTwice: number
  duplicates: number
  notes?: Record<string, string | number>
}

/** Many times what a quiet machine needs. */
const shortLimitMs = 240_000
const limitPerFaultMs = 90_000
const limitPerMessageMs = 20

export function fault(
  { id, title, needs = [], times, messages }: FaultOptions,
  work: (round: Round) => Promise<Findings>,
): void {
  const { seed, size, resultsFile, only } = inject('chaos')
  const name = `${id}: ${title}`
  if (only !== undefined && !only.includes(id.toLowerCase())) {
    it.skip(name, () => {})
    return
  }
  const lacking = unmet(['Linux', ...needs])
  const record = (outcome: Outcome) => appendFileSync(resultsFile, `${JSON.stringify(outcome)}\n`)
  if (lacking.length > 0) {
    record({ id, title, result: 'skipped', reason: `needs ${lacking.join(', ')}` })
    it.skip(`${name} (needs ${lacking.join(', ')})`, () => {})
    return
  }
  const round = {
    random: randomFrom(seed),
    times: size === undefined ? times.short : Math.max(1, Math.round((size.kills * times.perHundred) / 100)),
    messages: size === undefined ? messages.short : Math.max(messages.short, Math.round(size.messages * messages.part)),
    long: size !== undefined,
    say: (line: string) => {
      if (size !== undefined) process.stdout.write(`${id}  ${line}\n`)
    },
  }
  const timeout =
    shortLimitMs + (size === undefined ? 0 : round.times * limitPerFaultMs + round.messages * limitPerMessageMs)
  it(name, { timeout }, async ({ onTestFailed }) => {
    const startedAt = performance.now()
    const seconds = () => Math.round((performance.now() - startedAt) / 1000)
    // However it failed: also where its time was over.
    onTestFailed(({ task }) => {
      const reason = task.result?.errors?.[0]?.message.split('\n')[0] ?? 'unknown'
      record({ id, title, result: 'failed', seconds: seconds(), reason: `seed ${seed}: ${reason}` })
    })
    const findings = await work(round)
    record({ id, title, result: 'passed', faults: round.times, seconds: seconds(), ...findings })
  })
}
