import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { setup as build } from '../../e2e/support/setup.ts'
import { removeLeftovers } from './disk.ts'
import { removeNamespacesOfTheDead } from './network-namespace.ts'
import { report, type Outcome } from './report.ts'

declare module 'vitest' {
  interface ProvidedContext {
    chaos: {
      seed: number
      /** How long the faults go on; without it, as short as CI needs. */
      size?: { kills: number; messages: number }
      resultsFile: string
      /** In lower case; without it, all. */
      only?: readonly string[]
    }
  }
}

const defaults = { kills: 100, messages: 200_000 }

/** The program as it is built from the sources; and at the end the table of what was found. */
export function setup(project: TestProject): () => void {
  build()
  removeLeftovers()
  removeNamespacesOfTheDead()
  const { BAYWIRE_CHAOS_SEED, BAYWIRE_CHAOS_KILLS, BAYWIRE_CHAOS_MESSAGES, BAYWIRE_CHAOS_ONLY } = process.env
  const only = BAYWIRE_CHAOS_ONLY?.toLowerCase().split(',')
  const seed = Number(BAYWIRE_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31))
  const long = BAYWIRE_CHAOS_KILLS !== undefined || BAYWIRE_CHAOS_MESSAGES !== undefined
  const size = {
    kills: Number(BAYWIRE_CHAOS_KILLS ?? defaults.kills),
    messages: Number(BAYWIRE_CHAOS_MESSAGES ?? defaults.messages),
  }
  const directory = mkdtempSync(join(tmpdir(), 'baywire-chaos-results-'))
  const resultsFile = join(directory, 'results.ndjson')
  project.provide('chaos', { seed, resultsFile, ...(long ? { size } : {}), ...(only ? { only } : {}) })
  process.stdout.write(`fault tests: seed ${seed}\n`)
  return () => {
    const outcomes = readOutcomes(resultsFile)
    rmSync(directory, { recursive: true, force: true })
    if (outcomes.length > 0) process.stdout.write(`\n${report(outcomes, { seed })}\n`)
  }
}

function readOutcomes(path: string): Outcome[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
    return lines.map((line) => JSON.parse(line) as Outcome)
  } catch {
    // No test was reached.
    return []
  }
}
