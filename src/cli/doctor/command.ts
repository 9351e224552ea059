import { styleText } from 'node:util'
import type { Command } from 'commander'
import { readConfig, type Config } from '../../config.ts'
import { processTerminal } from '../terminal.ts'
import { checkBroker } from './broker.ts'
import { checkDatabase } from './database.ts'
import type { Finding } from './finding.ts'
import { checkMachine } from './machine.ts'
import { askRunning, checkRunning } from './running.ts'

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at database, broker, disk and clock, and say what to do; changes nothing')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  baywire doctor\n\nExit code 1 where anything is not ok.')
    .action(async ({ json }: { json?: boolean }) => {
      const findings = await examine(readConfig(process.env))
      const well = findings.every(({ state }) => state === 'ok')
      const colour = process.stdout.isTTY && !process.env['NO_COLOR']
      processTerminal().print(json === true ? JSON.stringify({ ok: well, findings }) : table(findings, { colour }))
      if (!well) process.exitCode = 1
    })
}

async function examine(config: Config): Promise<Finding[]> {
  const { DATABASE_URL, DATABASE_URL_API, DATABASE_URL_INGEST } = config
  const embedded = (DATABASE_URL ?? DATABASE_URL_API ?? DATABASE_URL_INGEST) === undefined
  const running = await askRunning(config)
  const machine = await checkMachine(config, { embedded })
  const database = await checkDatabase(config)
  const broker = await checkBroker(config, running)
  return [...machine, ...database, ...broker, ...checkRunning(running)]
}

const colours = { ok: 'green', warning: 'yellow', problem: 'red' } as const

function table(findings: readonly Finding[], { colour }: { colour: boolean }): string {
  const paint = (state: Finding['state'], text: string) =>
    colour ? styleText(colours[state], text, { validateStream: false }) : text
  const width = Math.max(...findings.map(({ check }) => check.length))
  const indent = ' '.repeat('problem  '.length + width + 2)
  const lines = findings.flatMap(({ check, state, what, advice }) => [
    `${paint(state, state.padEnd('problem'.length))}  ${check.padEnd(width)}  ${what}`,
    ...(advice === undefined ? [] : [`${indent}→ ${advice}`]),
  ])
  return lines.join('\n')
}
