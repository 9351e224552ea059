import type { Command } from 'commander'
import closeWithGrace from 'close-with-grace'
import { readConfig, type Config } from '../../config.ts'
import { describeError, UsageError } from '../../errors.ts'
import { createLog } from '../../log.ts'
import { announce } from '../terminal.ts'
import type { Running } from './start.ts'

export const roles = ['ingest', 'api', 'jobs'] as const
export type Role = (typeof roles)[number]

export function addStart(program: Command): void {
  program
    .command('start')
    .description('run the roles given, or all of them in one process')
    .argument('[role...]', `any of ${roles.join(', ')}`)
    .addHelpText('after', '\nExample:\n  baywire start\n  baywire start ingest jobs')
    .action(async (given: string[]) => {
      const config = readConfig(process.env)
      const wanted = wantedRoles(given)
      const { start } = await importStart()
      const running = await start(config, {
        roles: wanted,
        log: createLog({ level: config.BAYWIRE_LOG_LEVEL }),
      })
      announceRunning(config, running)
      await untilStopped(running)
    })
}

/** What serves is loaded by those who serve: with it each other command would take three times as long to begin. */
export const importStart = () => import('./start.ts')

function wantedRoles(given: readonly string[]): readonly Role[] {
  const wrong = given.filter((name) => !roles.some((role) => role === name))
  if (wrong.length > 0)
    throw new UsageError(`there is no role ${wrong.join(', ')}`, `the roles are ${roles.join(', ')}`)
  return given.length === 0 ? roles : roles.filter((role) => given.includes(role))
}

function announceRunning(config: Config, { httpPort, monitorPort, mqttPort }: Running): void {
  if (httpPort !== undefined) announce(`API on http://${config.BAYWIRE_HOST}:${httpPort}`)
  if (monitorPort !== undefined) announce(`/health, /ready, /metrics on http://${config.BAYWIRE_HOST}:${monitorPort}`)
  if (mqttPort !== undefined) announce(`MQTT on mqtt://${config.BAYWIRE_HOST}:${mqttPort}`)
  announce('running; Ctrl-C stops it')
}

/** Resolves when a signal has stopped everything; the second signal exits at once. */
export function untilStopped({ stop }: Pick<Running, 'stop'>): Promise<void> {
  return new Promise((resolve) => {
    closeWithGrace({ delay: false, logger: false }, async ({ err, signal }) => {
      if (err !== undefined)
        process.stderr.write(`${JSON.stringify({ level: 60, msg: describeError(err), err: err.stack })}\n`)
      else announce(`${signal}: stopping`)
      await stop()
      resolve()
    })
  })
}
