import { dryRun } from '../../replay/dry-run.ts'
import type { DryRunReport } from '../../replay/dry-run-report.ts'
import { fileDryRun } from '../../replay/file-dry-run.ts'
import type { ReadingFilter } from '../../replay/filter.ts'
import type { PolicyFields } from '../../occupancy/policy.ts'
import { BaywireError } from '../../errors.ts'
import type { OpenDatabase } from '../open.ts'
import type { Terminal } from '../terminal.ts'
import { interruptible } from './interrupt.ts'
import { noneChosen, selectionOf } from './options.ts'
import { progressOn } from './progress.ts'
import { describeReport } from './report.ts'

export interface DryRunCommand {
  readonly filter: ReadingFilter
  readonly policy: PolicyFields | undefined
  readonly json: boolean
  readonly terminal: Terminal
}

/** @param source the database, or the path of a replay file */
export async function runDryRun(source: OpenDatabase | string, command: DryRunCommand): Promise<void> {
  const { policy, json, terminal } = command
  const report = await interruptible((signal) => reportOf(source, { ...command, signal }))
  if (report === undefined) throw noneChosen()
  const isFile = typeof source === 'string'
  terminal.print(json ? JSON.stringify(report) : describeReport(report, { isFile }))
  // What a file begins with follows states that the file does not have.
  if (policy === undefined && !isFile && isDifferent(report)) process.exitCode = 1
}

async function reportOf(
  source: OpenDatabase | string,
  { filter, policy, json, terminal, signal }: DryRunCommand & { signal: AbortSignal },
): Promise<DryRunReport | undefined> {
  const told = {
    policy,
    signal,
    now: Date.now(),
    onCount: (readings: number) => json || terminal.note(`${readings.toLocaleString('en')} readings are chosen`),
    onProgress: progressOn(terminal),
  }
  try {
    if (typeof source === 'string') return await fileDryRun({ ...told, path: source, filter })
    return await source
      .system('baywire replay', { statementTimeoutMs: 0 })
      .withSnapshot(async (tx) => dryRun(tx, { ...told, selection: await selectionOf(source, tx, filter) }))
  } catch (error) {
    if (signal.aborted) throw new BaywireError('interrupted: a dry run changes nothing, so nothing is left of it')
    throw error
  }
}

function isDifferent({ changed_outcomes, missing_inputs, transitions }: DryRunReport): boolean {
  return changed_outcomes + missing_inputs + transitions.removed + transitions.added > 0
}
