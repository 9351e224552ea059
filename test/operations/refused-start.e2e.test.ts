import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { consumerUser, mosquittoProgram, startMosquitto } from '../support/mosquitto.ts'
import { freePort, type Program } from '../support/program.ts'
import { Home } from '../e2e/support/home.ts'

/** What keeps the program from starting is said in one line: which setting, what is wrong, what to change. */
let running: Home
let other: Home
let program: Program
let databaseUrl: string

beforeAll(async () => {
  running = await Home.create()
  program = await running.start()
  databaseUrl = await running.databaseUrl()
  other = await Home.create()
})

afterAll(async () => {
  await Promise.all([running.remove(), other.remove()])
})

const secret = 'do-not-show-me'
/** Longer than the longest wait for an answer (10 s) by enough for a busy machine. */
const refusalMs = 25_000
/** What a start may say before it is refused. */
const progress = /^(creating the embedded database|migrating the database|waiting for )/

interface Refusal {
  args?: string[]
  env?: Record<string, string>
  home?: Home
  code?: 1 | 2
}

/** The line that says why, once everything else about the refusal was found in order. */
async function refusal({ args = ['start'], env = {}, home = other, code = 1 }: Refusal): Promise<string> {
  const ended = await home.run(args, { env, withinMs: refusalMs })
  const lines = ended.stderr.split('\n').filter((line) => line !== '' && !progress.test(line))
  expect(lines, ended.stderr).toHaveLength(1)
  expect(lines[0]).toMatch(/^baywire: /)
  expect(ended.stderr).not.toContain(secret)
  expect(ended).toMatchObject({ code, stdout: '' })
  return lines[0] ?? ''
}

/** A program that was there before is not disturbed, and of the refused one nothing is left. */
async function expectUndisturbed(): Promise<void> {
  expect(program.running).toBe(true)
  expect((await running.readiness()).ready).toBe(true)
  expect(await other.serverNow()).toBeUndefined()
}

describe('a port in use', () => {
  it('of the API names BAYWIRE_HTTP_PORT, and stops the database that was started for it', async () => {
    const line = await refusal({ env: { BAYWIRE_HTTP_PORT: String(running.httpPort) } })
    expect(line).toMatch(`BAYWIRE_HTTP_PORT: port ${running.httpPort} `)
    expect(line).toContain('set BAYWIRE_HTTP_PORT to another port')
    await expectUndisturbed()
  })

  it('of a role without the API names BAYWIRE_MONITOR_PORT', async () => {
    const env = { BAYWIRE_MONITOR_PORT: String(running.httpPort) }
    const line = await refusal({ args: ['start', 'jobs'], env })
    expect(line).toMatch(`BAYWIRE_MONITOR_PORT: port ${running.httpPort} `)
    expect(line).toContain('set BAYWIRE_MONITOR_PORT to another port')
    await expectUndisturbed()
  })

  it('of the broker names BAYWIRE_MQTT_PORT', async () => {
    const line = await refusal({ env: { BAYWIRE_MQTT_PORT: String(running.mqttPort) } })
    expect(line).toMatch(`BAYWIRE_MQTT_PORT: port ${running.mqttPort} `)
    expect(line).toContain('set BAYWIRE_MQTT_PORT to another port')
    await expectUndisturbed()
  })

  it.each([['start'], ['demo']])(
    'refuses a second `%s` of the same directory and leaves the first alone',
    async (name) => {
      expect(await refusal({ args: [name], home: running })).toMatch(/BAYWIRE_(MQTT|HTTP)_PORT: port \d+ .*in use/)
      await expectUndisturbed()
    },
  )

  it('takes an address of another machine for none of its own', async () => {
    expect(await refusal({ env: { BAYWIRE_HOST: '203.0.113.1' } })).toMatch(/BAYWIRE_HOST: .*set BAYWIRE_HOST/)
    await expectUndisturbed()
  })
})

describe('a database', () => {
  it.each([
    ['DATABASE_URL', false],
    ['DATABASE_URL_API', true],
    ['DATABASE_URL_INGEST', true],
  ])('of %s that is not there', async (name, own) => {
    const url = `postgres://u:${secret}@127.0.0.1:${await freePort()}/x`
    const line = await refusal({ env: { ...(own && { DATABASE_URL: databaseUrl }), [name]: url } })
    expect(line).toContain(`${name}: cannot connect to 127.0.0.1:`)
    expect(line).toMatch(/nothing listens there.*check that the server runs/)
  })

  it('on a host that nobody knows', async () => {
    const line = await refusal({ env: { DATABASE_URL: `postgres://u:${secret}@nowhere.invalid/x` } })
    expect(line).toMatch(/DATABASE_URL: .*(no such host|cannot be looked up).*check the name of the host/)
  })

  it('that takes another password', async () => {
    const wrong = new URL(databaseUrl)
    wrong.password = secret
    const line = await refusal({ env: { DATABASE_URL: wrong.href } })
    expect(line).toMatch(/DATABASE_URL: .*wrong user or password.*correct user and password/)
  })

  it('that has another name', async () => {
    const wrong = new URL(databaseUrl)
    wrong.pathname = '/nobody'
    const line = await refusal({ env: { DATABASE_URL: wrong.href } })
    expect(line).toMatch(/DATABASE_URL: .*no such database.*create it, or correct the name/)
  })

  it('with a login that could see all tenants', async () => {
    const line = await refusal({ env: { DATABASE_URL: databaseUrl, DATABASE_URL_API: databaseUrl } })
    expect(line).toMatch(/DATABASE_URL_API: .*superuser.*member of baywire_api/)
  })

  it.each([
    ['closes at once', undefined],
    ['answers as a web server does', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ])('that is none: what listens there %s', async (_what, answer) => {
    const server = await strangerThatSays(answer)
    try {
      const { port } = server.address() as AddressInfo
      const line = await refusal({ env: { DATABASE_URL: `postgres://u:${secret}@127.0.0.1:${port}/x` } })
      expect(line).toMatch(/DATABASE_URL: cannot connect to 127\.0\.0\.1:\d+\/x/)
    } finally {
      server.close()
    }
  })

  it('of a newer program', async () => {
    const newer = new URL(databaseUrl)
    newer.pathname = '/newer'
    await sql(databaseUrl, 'CREATE DATABASE newer')
    const env = { DATABASE_URL: newer.href }
    expect(await other.run(['migrate'], { env })).toMatchObject({ code: 0 })
    await sql(newer.href, `INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('x', 32503680000000)`)
    for (const args of [['start'], ['migrate'], ['start', 'api'], ['ledger', '--tenant', 'x']]) {
      // oxlint-disable-next-line no-await-in-loop
      const line = await refusal({ args, env })
      expect(line).toMatch(/migration of 3000-01-01T00:00:00.000Z that this program does not know: run the newer/)
    }
  })
})

describe('a broker', () => {
  it('that is not there', async () => {
    const line = await refusal({
      env: { DATABASE_URL: databaseUrl, MQTT_URL: `mqtt://u:${secret}@127.0.0.1:${await freePort()}` },
    })
    expect(line).toMatch(/MQTT_URL: .*nothing listens there.*start that broker, or correct MQTT_URL/)
  })

  it('on a host that nobody knows', async () => {
    const line = await refusal({ env: { DATABASE_URL: databaseUrl, MQTT_URL: `mqtt://u:${secret}@nowhere.invalid` } })
    expect(line).toMatch(/MQTT_URL: .*host name.*correct MQTT_URL/)
  })

  it('that is none', async () => {
    const line = await refusal({
      env: { DATABASE_URL: databaseUrl, MQTT_URL: `mqtt://u:${secret}@127.0.0.1:${running.httpPort}` },
    })
    expect(line).toMatch(/MQTT_URL: .*correct MQTT_URL/)
  })

  it.skipIf(mosquittoProgram === undefined)('that takes another password (needs mosquitto)', async () => {
    const mosquitto = await startMosquitto([])
    try {
      const url = mosquitto.url({ ...consumerUser, secret })
      const line = await refusal({ env: { DATABASE_URL: databaseUrl, MQTT_URL: url } })
      expect(line).toMatch(
        /MQTT_URL: .*refused the user name or password.*check the user name and password in MQTT_URL/,
      )
    } finally {
      await mosquitto.stop()
    }
  })

  it('is missed by simulate before it makes anything', async () => {
    const args = ['simulate', '--tenant', 'never-made', '--provision', '--messages', '1']
    expect(await refusal({ args, env: { DATABASE_URL: databaseUrl } })).toMatch(
      /no broker at mqtt:.*start `baywire start` first/,
    )
    expect(await refusal({ args: ['ledger', '--tenant', 'never-made'], env: { DATABASE_URL: databaseUrl } })).toContain(
      'there is no tenant',
    )
  })
})

describe('wrong use', () => {
  it('of settings names each of them at once', async () => {
    const env = { BAYWIRE_HTTP_PORT: 'http', BAYWIRE_ENV: 'staging', DATABASE_URL: `mysql://u:${secret}@h/x` }
    const line = await refusal({ env, code: 2 })
    for (const name of Object.keys(env)) expect(line).toContain(`${name}: `)
    expect(line).toContain('see `baywire config`')
  })

  it('of a data directory that is a file', async () => {
    const file = join(other.directory, 'file')
    await writeFile(file, '')
    expect(await refusal({ env: { BAYWIRE_DATA_DIR: file } })).toMatch(/BAYWIRE_DATA_DIR: .*set BAYWIRE_DATA_DIR/)
  })

  it('of a role', async () => {
    const line = await refusal({ args: ['start', 'drive'], code: 2 })
    expect(line).toMatch(/no role drive: the roles are ingest, api, jobs/)
  })

  it.each([
    [['start', '--bogus'], '--bogus'],
    [['fly'], 'fly'],
    [['ledger'], '--tenant'],
    [['ledger', '--tenant', 'a', '--since', 'yesterday'], '--since'],
    [['simulate', '--tenant', 'a b'], '--tenant'],
    [['simulate', '--tenant', 'a', '--messages', '0'], '--messages'],
    [['migrate', 'now'], 'migrate'],
  ])('of the command line: %j', async (args, named) => {
    const { code, stdout, stderr } = await other.run(args, { withinMs: refusalMs })
    const [line, hint, ...more] = stderr.trim().split('\n')
    expect({ code, stdout, hint, more }).toEqual({ code: 2, stdout: '', hint: '(add --help for an example)', more: [] })
    expect(line).toMatch(/^error: /)
    expect(line).toContain(named)
  })

  it('without a command says which there are', async () => {
    const { code, stderr } = await other.run([], { withinMs: refusalMs })
    expect(code).toBe(2)
    for (const name of ['start', 'demo', 'simulate', 'import', 'tail', 'ledger', 'replay', 'migrate', 'config']) {
      expect(stderr).toContain(`\n  ${name} `)
    }
  })
})

it('disturbed nobody, and left nothing running', expectUndisturbed)

/** Something that is no database: it ends each connection, after `answer` where there is one. */
async function strangerThatSays(answer: string | undefined): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    if (answer === undefined) socket.end()
    else socket.once('data', () => socket.end(answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function sql(url: string, statement: string): Promise<void> {
  const client = connect({ url, max: 1, statementTimeoutMs: 10_000, name: 'e2e' })
  try {
    await client.unsafe(statement)
  } finally {
    await client.end()
  }
}
