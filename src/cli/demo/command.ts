import type { Command } from 'commander'
import { systemClock } from '../../clock.ts'
import { readConfig, type Config } from '../../config.ts'
import { createLog, type Log } from '../../log.ts'
import { usernameOf } from '../../mqtt/access.ts'
import { connectPublisher, type Publisher } from '../../mqtt/publisher.ts'
import { findBroker, type Broker } from '../simulate/broker.ts'
import { importStart, roles, untilStopped } from '../start/command.ts'
import type { Running } from '../start/start.ts'
import { processTerminal } from '../terminal.ts'
import { demoHints } from './hints.ts'
import { makeOperator } from './operator.ts'
import { seedDemo } from './seed.ts'
import { runDemoSensors } from './sensors.ts'

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('run with a demo tenant, two sites and simulated sensors')
    .addHelpText(
      'after',
      '\nExample:\n  $ baywire demo\n\nIt prints what to try next. Ctrl-C stops it; what it made stays in the database.',
    )
    .action(async () => {
      const config = readConfig(process.env)
      // Of what the faulty sensors do, the counts and `baywire tail` tell; the terminal is for what to try.
      const log = createLog({ level: process.env['BAYWIRE_LOG_LEVEL'] ? config.BAYWIRE_LOG_LEVEL : 'warn' })
      await demo(config, log)
    })
}

async function demo(config: Config, log: Log): Promise<void> {
  const { start } = await importStart()
  const running = await start(config, { roles, log })
  let sensors: { stop(): Promise<void> } | undefined
  try {
    const database = running.database.tenants('baywire demo')
    const made = await seedDemo(database)
    const operator = await makeOperator(database, config)
    const broker = brokerOf(config, running)
    sensors = await runDemoSensors({
      demo: made,
      connect: (gateway) => connectSensors(gateway, broker),
      clock: systemClock,
      random: Math.random,
      log,
    })
    processTerminal().print(demoHints({ demo: made, operator, ...addresses(config, { running, broker }) }))
  } catch (error) {
    await sensors?.stop()
    await running.stop()
    throw error
  }
  await untilStopped({
    async stop() {
      await sensors.stop()
      await running.stop()
    },
  })
}

/** The broker that this process runs, on the port that it found, or that of `MQTT_URL`. */
function brokerOf(config: Config, { mqttPort }: Running): Broker {
  return findBroker({ ...config, BAYWIRE_MQTT_PORT: mqttPort ?? config.BAYWIRE_MQTT_PORT })
}

async function connectSensors(
  { tenant, code, secret }: { tenant: string; code: string; secret: string },
  { url, credentials }: Broker,
): Promise<Publisher> {
  const clientId = usernameOf({ tenant, kind: 'gateway', code })
  return await connectPublisher({ url, clientId, ...(credentials ?? { username: clientId, secret }) })
}

function addresses(config: Config, { running, broker }: { running: Running; broker: Broker }) {
  const { hostname, port } = new URL(broker.url)
  return {
    httpUrl: `http://${config.BAYWIRE_HOST === '0.0.0.0' ? 'localhost' : config.BAYWIRE_HOST}:${running.httpPort}`,
    mqtt: { host: hostname, port: Number(port || 1883) },
  }
}
