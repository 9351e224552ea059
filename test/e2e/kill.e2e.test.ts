/**
 * `kill -9` of the whole program in the middle of a stream of readings, again and again: what was acknowledged is
 * there, once; and what was committed and whose acknowledgement was lost, and so comes again, counts once.
 * `BAYWIRE_KILL_MESSAGES=200000 npx vitest run --project e2e kill` tries it with as many messages as one likes.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, type Program } from '../support/program.ts'
import { AckLog } from './support/acknowledged.ts'
import { expectSound, type Simulated } from './support/books.ts'
import { Cable } from './support/cable.ts'
import { Home } from './support/home.ts'
import { compareWithLog } from './support/log.ts'

const messages = Number(process.env['BAYWIRE_KILL_MESSAGES'] ?? 20_000)
const kills = 5
const tenant = 'killed'
const spaces = 500
/** For the program's own pace, many times over. */
const limitMs = 90_000 + messages

let home: Home
let cable: Cable
let program: Program
beforeAll(async () => {
  home = await Home.create()
  program = await home.start()
  cable = await Cable.to(home.mqttPort)
})
afterAll(async () => {
  cable.close()
  await home.remove()
})

const lost = 100
const committed = () => home.metric('baywire_readings_total', { tenant })

/** Commits go on, and nobody is told. */
async function loseAcknowledgements(): Promise<void> {
  cable.loseAnswers()
  const before = await committed()
  await eventually('commits that nobody is told of', async () => (await committed()) > before + lost)
}

it(`keeps each of ${messages} messages once, killed ${kills} times on the way`, { timeout: limitMs }, async () => {
  const ackLog = new AckLog(join(home.directory, 'acknowledged.ndjson'))
  const size = `--spaces ${spaces} --messages ${messages} --rate max --gateways 4`.split(' ')
  const options = ['--tenant', tenant, '--provision', '--json', '--ack-log', ackLog.path]
  const simulation = home.spawn(['simulate', ...options, ...size], { BAYWIRE_MQTT_PORT: String(cable.port) })
  for (let kill = 1; kill <= kills; kill++) {
    const enough = Math.ceil((kill * messages) / (kills + 1))
    // oxlint-disable no-await-in-loop -- one life after the other
    await eventually(`${enough} acknowledgements`, () => ackLog.count() >= enough, { withinMs: limitMs })
    if (kill % 2 === 0) await loseAcknowledgements()
    const server = await home.server()
    await program.kill()
    cable.cut()
    expect(ackLog.count(), 'in the middle').toBeLessThan(messages)
    expect(simulation.running).toBe(true)
    // The first time the database is seen to be gone; otherwise the next start meets it as it is.
    if (kill === 1) await home.serverEnded(server ?? 0)
    program = await home.start()
    // oxlint-enable no-await-in-loop
  }

  const { code, stdout, stderr } = await simulation.end(limitMs)
  expect(code, stderr).toBe(0)
  expect(JSON.parse(stdout) as Simulated).toMatchObject({ published: messages, acknowledged: messages })
  const acknowledged = ackLog.readings()
  expect(acknowledged).toHaveLength(messages)

  const log = await compareWithLog(await home.databaseUrl(), { tenant, acknowledged })
  expect(log).toMatchObject({ identities: messages, missing: [], appliedTwice: [], neverApplied: [] })
  const { ledger, verification } = await expectSound(home, tenant)
  expect(ledger).toMatchObject({ received: log.deliveries, duplicate: log.deliveries - messages })
  expect(ledger.duplicate, 'some came again').toBeGreaterThan(2 * lost)
  expect(verification).toMatchObject({ spaces, inputs: messages })

  await expect(program.stop()).resolves.toMatchObject({ code: 0 })
})
