/**
 * compose.yaml without containers: its services as processes, in its order, each with the environment that it is given
 * there and nothing else, on a Postgres and a Mosquitto of their own. What differs is said in `environmentOf`.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { connectAsync, type MqttClient } from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/store/embedded/embedded.ts'
import { isOurs, projectRoot, readCompose } from '../support/compose.ts'
import { mosquittoProgram } from '../support/mosquitto.ts'
import { eventually, freePort, Program } from '../support/program.ts'

const run = promisify(execFile)
const { services } = readCompose()
const psql = (process.env['PATH'] ?? '').split(delimiter).some((path) => existsSync(join(path, 'psql')))

interface Port {
  name: string
  port: number
}

let directory: string
let secrets: string
let postgres: EmbeddedPostgres
let mosquitto: ChildProcess
let mqttPort: number
const ports = new Map<string, Port>()
const programs = new Map<string, Program>()
const clients: MqttClient[] = []

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baywire-compose-'))
  await chmod(directory, 0o755)
  secrets = join(directory, 'secrets')
  mqttPort = await freePort()
  postgres = await startEmbeddedPostgres({ dataDir: join(directory, 'data'), onProgress: () => {} })
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.endAsync(true)))
  await Promise.all([...programs.values()].map((program) => program.kill()))
  mosquitto?.kill()
  await postgres?.stop()
  await rm(directory, { recursive: true, force: true })
})

/**
 * As compose.yaml gives it, with the image's own where it says nothing. Three things differ, since all run on one
 * machine: secrets lie below a directory, each port is a free one, and everything listens on loopback.
 */
async function environmentOf(name: string): Promise<Record<string, string>> {
  const environment: Record<string, string> = { NODE_ENV: 'production', ...services[name]?.environment }
  for (const [key, value] of Object.entries(environment)) {
    if (value.startsWith('/secrets/')) environment[key] = value.replace('/secrets', secrets)
    if (!key.endsWith('_PORT')) continue
    const port = ports.get(name) ?? { name: key, port: await freePort() }
    ports.set(name, port)
    environment[key] = String(port.port)
  }
  return { ...environment, BAYWIRE_HOST: '127.0.0.1' }
}

/** The volumes that Mosquitto and `access` share. */
function placed(text: string): string {
  return text.replaceAll('/etc/mosquitto/baywire', `${secrets}/broker`).replaceAll('/var/lib/mosquitto', directory)
}

async function begin(name: string): Promise<Program> {
  const command = (services[name]?.command ?? []).map(placed)
  const program = new Program(command, await environmentOf(name))
  programs.set(name, program)
  return program
}

/** The address that its health check in compose.yaml asks. */
function urlOf(name: string, path: string): string {
  return `http://127.0.0.1:${ports.get(name)?.port}${path}`
}

async function healthy(name: string): Promise<void> {
  await eventually(`health of ${name}: ${programs.get(name)?.describe()}`, async () => {
    return (await fetch(urlOf(name, '/health'))).ok
  })
}

async function beginMosquitto(): Promise<void> {
  const shipped = await readFile(join(projectRoot, 'mosquitto.conf'), 'utf8')
  const file = join(directory, 'mosquitto.conf')
  const moved = placed(shipped).replace(/^listener 1883$/m, `listener ${mqttPort} 127.0.0.1`)
  await writeFile(file, `${moved}\nuser ${userInfo().username}\n`)
  mosquitto = spawn(mosquittoProgram ?? '', ['-c', file], { stdio: 'ignore' })
  await once(mosquitto, 'spawn')
}

/** By a command that an operator runs in the service that has all logins. */
async function operate<T>(args: readonly string[]): Promise<T> {
  const program = new Program([...args, '--tenant', 'acme', '--json'], await environmentOf('migrate'))
  const { code, stdout, stderr } = await program.end(60_000)
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as T
}

interface Identity {
  username: string
  secret: string
}

async function letIn({ username, secret }: Identity): Promise<MqttClient> {
  const options = { username, password: secret, clientId: username, reconnectPeriod: 0 }
  const client = await connectAsync(`mqtt://127.0.0.1:${mqttPort}`, options)
  client.on('error', () => {})
  clients.push(client)
  return client
}

async function makeSecrets(): Promise<void> {
  const script = services['secrets']?.entrypoint?.[1]?.replace('/app/', projectRoot) ?? ''
  await run(process.execPath, [script, secrets, `127.0.0.1:${new URL(postgres.url).port}`, `127.0.0.1:${mqttPort}`])
}

async function filesBelow(path: string): Promise<Record<string, string>> {
  const names = (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const files = names.map((entry) => join(entry.parentPath, entry.name)).toSorted()
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file.slice(path.length), await readFile(file, 'utf8')] as const)),
  )
}

describe.skipIf(mosquittoProgram === undefined || !psql)('compose.yaml, service by service', () => {
  it('secrets: makes passwords once, and each time the same files, for nobody else to read', async () => {
    await makeSecrets()
    const first = await filesBelow(secrets)
    for (const name of Object.keys(first)) {
      // oxlint-disable-next-line no-await-in-loop
      expect((await stat(secrets + name)).mode & 0o777, name).toBe(name.startsWith('/broker/') ? 0o600 : 0o640)
    }
    // Cut short after the passwords: the next run completes the rest, with the same passwords.
    await rm(join(secrets, 'api'), { recursive: true })
    await rm(join(secrets, 'broker/acl'))
    await rm(join(secrets, 'broker/baywire.secret'))
    await makeSecrets()
    expect(await filesBelow(secrets)).toEqual(first)
  })

  it('secrets: are where each service looks for them', async () => {
    const made = Object.keys(await filesBelow(secrets))
    const wanted = Object.values(services).flatMap(({ environment }) =>
      Object.values(environment).filter((value) => value.startsWith('/secrets/')),
    )
    expect(wanted.map((path) => path.slice('/secrets'.length)).filter((path) => !made.includes(path))).toEqual([])
    expect(new Set(wanted).size).toBe(wanted.length)
  })

  it('mosquitto: lets Baywire in, and nobody else, before there is a database', async () => {
    await beginMosquitto()
    const { username, password } = new URL(await readFile(join(secrets, 'ingest/mqtt-url'), 'utf8'))
    const client = await eventually('Baywire is let in', () => letIn({ username, secret: password }))
    await client.endAsync()
    await expect(letIn({ username, secret: 'another' })).rejects.toThrow(/[Nn]ot authorized/)
  })

  it('postgres: its script makes an owner that is no superuser', async () => {
    const { hostname, port, username, password } = new URL(postgres.url)
    const env = { PATH: process.env['PATH'], PGHOST: hostname, PGPORT: port, PGPASSWORD: password }
    await run(join(projectRoot, 'deploy/postgres/10-owner.sh'), [], {
      env: { ...env, POSTGRES_USER: username, OWNER_PASSWORD_FILE: join(secrets, 'postgres/owner.password') },
    })
  })

  it('migrate: migrates and makes the two logins, and does so again at each start', async () => {
    for (let time = 1; time <= 2; time++) {
      // oxlint-disable-next-line no-await-in-loop -- one start after the other
      const { code, stderr } = await (await begin('migrate')).end(60_000)
      expect(code, stderr).toBe(0)
      expect(stderr).toContain('baywire_api_login, baywire_ingest_login')
    }
  })

  it('ingest, api, jobs: run beside each other, each with its own login alone', async () => {
    const names = Object.keys(services).filter((name) => services[name]?.command?.[0] === 'start')
    expect(names.filter((name) => !isOurs(services[name] ?? never()))).toEqual([])
    expect(names).toEqual(['ingest', 'api', 'jobs'])
    await Promise.all(names.map(begin))
    await Promise.all(names.map(healthy))
    const parts = await Promise.all(
      names.map(async (name) => {
        const ready = await eventually(`${name} is ready`, async () => {
          const response = await fetch(urlOf(name, '/ready'))
          return response.ok && ((await response.json()) as { parts: Record<string, unknown> })
        })
        return Object.keys(ready.parts)
      }),
    )
    expect(parts).toEqual([
      ['postgres', 'migrations', 'ingest', 'broker'],
      ['postgres', 'migrations'],
      ['postgres', 'migrations', 'jobs'],
    ])
    expect(await (await fetch(urlOf('jobs', '/metrics'))).text()).toContain('baywire_ledger_imbalance 0')
    expect((await fetch(urlOf('jobs', '/api/v1/public/acme/availability'))).status).toBe(404)
    await expectLogins()
  })

  it('access: lets a new device into Mosquitto, and its reading comes to the API with the books balanced', async () => {
    await begin('access')
    const places = join(directory, 'spaces.csv')
    await writeFile(places, 'site,space\nmain,A1\nmain,A2\n')
    await operate(['import', places, '--create', '--public'])
    const device = await operate<Identity>('device add --device D1 --space main/A1'.split(' '))
    const client = await eventually(`D1 is let in: ${programs.get('access')?.describe()}`, () => letIn(device))
    const reading = { occupied: true, at: new Date().toISOString(), seq: 1, boot: 1 }
    await client.publishAsync('parking/v1/acme/devices/D1/reading', JSON.stringify(reading), { qos: 1 })
    // Mosquitto's acknowledgement came before our commit.
    const ledger = await eventually('the reading is in the ledger', async () => {
      const books = await operate<{ received: number }>(['ledger'])
      return books.received > 0 && books
    })
    expect(ledger).toMatchObject({ received: 1, applied: 1, balanced: true })
    await operate(['replay', '--verify'])
    const answer = await fetch(urlOf('api', '/api/v1/public/acme/availability'))
    expect(((await answer.json()) as { sites: object[] }).sites).toMatchObject([{ total: 2 }])
  })

  it('secrets: made again, leave who was let in, and who is Baywire, as they are', async () => {
    const before = await filesBelow(join(secrets, 'broker'))
    expect(before['/passwd']).toContain('acme/devices/D1:')
    await makeSecrets()
    expect(await filesBelow(join(secrets, 'broker'))).toEqual(before)
  })

  it('access: started again after Mosquitto was killed, throws out who was revoked meanwhile', async () => {
    const device = await operate<Identity>('device add --device D2 --space main/A2'.split(' '))
    await eventually('D2 is let in', () => letIn(device))
    await programs.get('access')?.kill()
    const ended = once(mosquitto, 'exit')
    mosquitto.kill('SIGKILL')
    await ended
    await operate('device revoke --device D2'.split(' '))
    await beginMosquitto()
    const late = await eventually('D2 is let in by the files of before', () => letIn(device))
    const gone = new Promise<void>((resolve) => late.once('close', () => resolve()))
    await begin('access')
    await gone
    await expect(letIn(device)).rejects.toThrow(/[Nn]ot authorized/)
    await eventually('ingest is ready again', async () => (await fetch(urlOf('ingest', '/ready'))).ok)
  })

  it('stops each within the time that it is given', async () => {
    for (const name of ['access', 'ingest', 'api', 'jobs']) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await programs.get(name)?.stop(30_000)).toMatchObject({ code: 0 })
    }
  })
})

/** Who is connected, as the server sees it. */
async function expectLogins(): Promise<void> {
  const url = new URL(postgres.url)
  url.pathname = '/parking'
  const sql = connect({ url: url.href, max: 1, statementTimeoutMs: 10_000, name: 'test' })
  try {
    const rows = await sql<{ name: string }[]>`
      select distinct usename as name from pg_stat_activity where datname = 'parking' and pid <> pg_backend_pid()
      and backend_type = 'client backend' order by 1`
    expect(rows.map(({ name }) => name)).toEqual(['baywire_api_login', 'baywire_ingest_login'])
    const [owner] = await sql<{ super: boolean; bypass: boolean; createdb: boolean }[]>`
      select rolsuper as super, rolbypassrls as bypass, rolcreatedb as createdb from pg_roles
      where rolname = 'baywire_owner'`
    expect(owner).toEqual({ super: false, bypass: false, createdb: false })
  } finally {
    await sql.end({ timeout: 1 })
  }
}

function never(): never {
  throw new Error('no such service')
}
