import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { EmbeddedProcess } from '../support/embedded-process.ts'
import { eventually, type Program } from '../support/program.ts'
import { AckLog } from '../e2e/support/acknowledged.ts'
import { expectSound } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'
import { compareWithLog } from '../e2e/support/log.ts'
import { expectAllArrived, isNotReady, messages, simulate } from '../e2e/support/stream.ts'

/** The database goes away while the program runs, and comes back: it says so, waits, and goes on by itself. */
const outageMs = 60_000

describe('the database goes away', () => {
  let directory: string
  let home: Home
  let server: EmbeddedProcess
  let databaseUrl: string
  let program: Program

  const startServer = () => new EmbeddedProcess(directory, { stateDir: join(directory, 'state') })

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'baywire-e2e-database-'))
    await chmod(directory, 0o755)
    server = startServer()
    databaseUrl = await server.url()
    const patience = { BAYWIRE_RETRY_MAX_MS: '300', BAYWIRE_STOP_MS: '1000' }
    home = await Home.create({ DATABASE_URL: databaseUrl, ...patience })
    program = await home.start()
  })

  /** Also where a test failed while it was away. */
  beforeEach(async () => {
    if (server.child.exitCode === null && server.child.signalCode === null) return
    server = startServer()
    await server.url()
  })

  afterEach(() => expect(program.running).toBe(true))

  afterAll(async () => {
    await home.remove()
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  })

  /** Of every batch that waits another attempt failed; nothing more was committed, and no more acknowledged than that. */
  async function expectNothingAcknowledged({ tenant, ackLog }: { tenant: string; ackLog: AckLog }): Promise<void> {
    const committed = await home.metric('baywire_readings_total', { tenant })
    const attempts = await home.metric('baywire_commit_retries_total')
    await eventually(
      'further attempts',
      async () => (await home.metric('baywire_commit_retries_total')) > attempts + 4,
      {
        withinMs: outageMs,
      },
    )
    expect(await home.metric('baywire_in_flight')).toBeGreaterThan(0)
    expect(await home.metric('baywire_readings_total', { tenant })).toBe(committed)
    expect(ackLog.count()).toBeLessThanOrEqual(committed)
  }

  /** The second time it is the connections that were made after the first. Each time with readings of its own, which still come. */
  it.each(['first', 'second'])('by kill -9, the %s time: readings wait until it is back', async (time) => {
    const sent = { tenant: `killed-${time}`, ackLog: new AckLog(join(home.directory, `killed-${time}.ndjson`)) }
    const simulation = simulate(home, sent)
    await eventually('a part of the readings', () => sent.ackLog.count() > messages / 10)
    await server.kill()
    await eventually('503', () => isNotReady(home, 'postgres'))
    await eventually('ingest has noticed', () => isNotReady(home, 'ingest'))
    await expectNothingAcknowledged(sent)
    expect(simulation.running).toBe(true)
    const { status } = await fetch(home.url(`/api/v1/public/${sent.tenant}/availability`))
    expect([200, 503]).toContain(status)
    server = startServer()
    expect(await server.url(), 'the same address').toBe(databaseUrl)
    await eventually('200', async () => (await home.readiness()).ready, { withinMs: outageMs })
    expect(await simulation.end(outageMs)).toMatchObject({ code: 0 })
    const deliveries = await expectAllArrived(home, databaseUrl, sent)
    expect(await home.get(`/api/v1/public/${sent.tenant}/availability`)).toMatchObject({ sites: [{ total: 100 }] })
    await expectNothingLeft(sent.tenant, deliveries)
  })

  /** What the program says that it committed is what is in the log: nothing more, where a commit was in doubt. */
  async function expectNothingLeft(tenant: string, deliveries: number): Promise<void> {
    expect(await home.metric('baywire_readings_total', { tenant })).toBe(deliveries)
    expect(await home.metric('baywire_door_given_up_total')).toBe(0)
    expect(await home.metric('baywire_in_flight')).toBe(0)
  }

  it('for good: the program can still be stopped', async () => {
    const sent = { tenant: 'stopped', ackLog: new AckLog(join(home.directory, 'stopped.ndjson')) }
    const simulation = simulate(home, sent)
    await eventually('a part of the readings', () => sent.ackLog.count() > messages / 10)
    await server.kill()
    await eventually('503', () => isNotReady(home, 'postgres'))
    expect(await program.stop()).toMatchObject({ code: 0 })
    await simulation.kill()
    server = startServer()
    await server.url()
    const acknowledged = sent.ackLog.readings()
    const log = await compareWithLog(databaseUrl, { tenant: sent.tenant, acknowledged })
    expect(log).toMatchObject({ missing: [], appliedTwice: [] })
    program = await home.start()
    await expectSound(home, sent.tenant)
  })
})
