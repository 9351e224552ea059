/**
 * compose.yaml without containers: its services as processes, in its order, each with the environment that it is given
 * there and nothing else, on a Postgres and a Mosquitto of their own. What differs is said in `environmentOf`.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { appendFile, chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { makeVerifier } from '../../src/store/credentials.ts'
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

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baywire-compose-'))
  await chmod(directory, 0o755)
  secrets = join(directory, 'secrets')
  mqttPort = await freePort()
  postgres = await startEmbeddedPostgres({ dataDir: join(directory, 'data'), onProgress: () => {} })
})
afterAll(async () => {
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

async function begin(name: string): Promise<Program> {
  const program = new Program(services[name]?.command ?? [], await environmentOf(name))
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
  const moved = shipped
    .replace(/^listener 1883$/m, `listener ${mqttPort} 127.0.0.1`)
    .replaceAll('/etc/mosquitto/', `${secrets}/broker/`)
    .replace(/^persistence_location .*$/m, `persistence_location ${directory}/`)
  await writeFile(file, `${moved}\nuser ${userInfo().username}\n`)
  mosquitto = spawn(mosquittoProgram ?? '', ['-c', file], { stdio: 'ignore' })
  await once(mosquitto, 'spawn')
}

const gateway = { username: 'acme/gateways/load', secret: 'gateway-secret' }

/** What an operator adds to the volume broker-access for a gateway. */
async function letGatewayIn(): Promise<void> {
  const verifier = await makeVerifier(gateway.secret)
  await appendFile(join(secrets, 'broker/baywire.passwd'), `${gateway.username}:${verifier}\n`)
  await appendFile(join(secrets, 'broker/baywire.acl'), `user ${gateway.username}\ntopic write parking/v1/acme/#\n`)
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
      expect((await stat(secrets + name)).mode & 0o777, name).toBe(0o640)
    }
    // Cut short after the passwords: the next run completes the rest, with the same passwords.
    await rm(join(secrets, 'api'), { recursive: true })
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
    await letGatewayIn()
    await beginMosquitto()
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

  it('takes a reading from Mosquitto to the API, with the books balanced', async () => {
    const operator = await environmentOf('migrate')
    const mqtt = `mqtt://${encodeURIComponent(gateway.username)}:${gateway.secret}@127.0.0.1:${mqttPort}`
    const simulate = 'simulate --tenant acme --provision --spaces 5 --messages 200 --rate max --json'.split(' ')
    const simulated = await new Program(simulate, { ...operator, MQTT_URL: mqtt }).end(60_000)
    expect(simulated.code, simulated.stderr).toBe(0)
    // Mosquitto's acknowledgement came before our commit.
    const ledger = await eventually('200 readings in the ledger', async () => {
      const { stdout } = await new Program(['ledger', '--tenant', 'acme', '--json'], operator).end(30_000)
      const books = JSON.parse(stdout) as { received: number; balanced: boolean }
      return books.received >= 200 && books
    })
    expect(ledger).toMatchObject({ received: 200, balanced: true })
    const verified = await new Program(['replay', '--verify', '--tenant', 'acme', '--json'], operator).end(60_000)
    expect(verified).toMatchObject({ code: 0 })
    const answer = await fetch(urlOf('api', '/api/v1/public/acme/availability'))
    expect(((await answer.json()) as { sites: { total: number }[] }).sites[0]?.total).toBe(5)
  })

  it('stops each within the time that it is given', async () => {
    for (const name of ['ingest', 'api', 'jobs']) {
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
