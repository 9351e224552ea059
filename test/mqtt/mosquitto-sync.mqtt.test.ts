import { readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { reloadByPidFile } from '../../src/cli/mosquitto/reload.ts'
import { MosquittoSync } from '../../src/cli/mosquitto/sync.ts'
import { createCredential } from '../../src/store/credentials.ts'
import { inTenant, provision } from '../../src/store/provision.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { mosquittoProgram, startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { eventually } from '../support/program.ts'

describe.skipIf(mosquittoProgram === undefined)('Mosquitto in step with the database (skipped without it)', () => {
  let baywire: TestIngest
  let tenants: TenantDatabase
  let server: Mosquitto
  let sync: MosquittoSync
  const clients: MqttClient[] = []

  async function credential(kind: 'devices' | 'gateways' | 'apps', code: string, tenant = 'acme'): Promise<string> {
    return await inTenant(tenants, { slug: tenant, create: { name: tenant, public: true } }, async (tx) => {
      if (kind === 'devices') await provision(tx, { devices: [{ code }] })
      return await createCredential(tx, { kind, code })
    })
  }

  async function revoke(code: string): Promise<void> {
    await baywire.sql`UPDATE credentials SET revoked_at = now() WHERE code = ${code} AND revoked_at IS NULL`
  }

  /** What a session had waiting for it comes with the answer: so whoever wants it listens before that. */
  async function connect(
    username: string,
    password: string,
    { onMessage, ...options }: mqtt.IClientOptions & { onMessage?: (payload: string) => void } = {},
  ): Promise<MqttClient> {
    const address = { host: '127.0.0.1', port: server.port, reconnectPeriod: 0 }
    const client = mqtt.connect({ ...address, username, password, clientId: username, ...options })
    clients.push(client)
    client.on('message', (_topic, payload) => onMessage?.(String(payload)))
    await new Promise<void>((resolve, reject) => {
      client.on('error', reject)
      client.on('connect', () => resolve())
    })
    return client
  }

  /** Mosquitto reads its files when it comes to it. */
  async function letsIn(username: string, secret: string): Promise<MqttClient> {
    return await eventually(`${username} is let in`, () => connect(username, secret))
  }

  const newSync = (own = ['baywire']) =>
    new MosquittoSync({
      database: baywire.system,
      directory: server.directory,
      own,
      reload: reloadByPidFile(server.pidFile),
    })
  const file = (name: string) => readFile(join(server.directory, name), 'utf8')

  beforeAll(async () => {
    baywire = await startTestIngest()
    tenants = tenantDatabase({ url: baywire.ownerUrl, max: 2, statementTimeoutMs: 10_000, name: 'test' })
  })
  beforeEach(async () => {
    server = await startMosquitto([])
    sync = newSync()
    await sync.prepare()
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)))
    await server.stop()
    await baywire.sql`DELETE FROM credentials`
    await baywire.expectSound()
  })
  afterAll(async () => {
    await tenants.close()
    await baywire.close()
  })

  it('lets in who has a credential in force, and nobody else', async () => {
    const secret = await credential('devices', 'd1')
    expect(await sync.look()).toMatchObject({ users: 2, changed: true, untold: undefined })
    await letsIn('acme/devices/d1', secret)
    await letsIn('baywire', (await file('baywire.secret')).trim())
    for (const [username, password] of [
      ['acme/devices/d1', 'wrong'],
      ['acme/devices/d2', secret],
      ['acme/gateways/d1', secret],
      ['other/devices/d1', secret],
      ['', ''],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop
      await expect(connect(username, password), username).rejects.toThrow(/[Nn]ot authorized/)
    }
  })

  it('cuts the session of whoever is revoked, and of nobody else', async () => {
    const [one, two] = [await credential('devices', 'd1'), await credential('gateways', 'g1')]
    await sync.look()
    const revoked = await letsIn('acme/devices/d1', one)
    const other = await letsIn('acme/gateways/g1', two)
    await revoke('d1')
    expect(await sync.look()).toMatchObject({ users: 2, changed: true })
    await closed(revoked)
    await expect(connect('acme/devices/d1', one)).rejects.toThrow(/[Nn]ot authorized/)
    expect(other.connected).toBe(true)
    await other.publishAsync('parking/v1/acme/gateways/g1/status', 'online', { qos: 1 })
  })

  it('cuts the session of an old secret when there is a new one', async () => {
    const old = await credential('devices', 'd1')
    await sync.look()
    const client = await letsIn('acme/devices/d1', old)
    const secret = await credential('devices', 'd1')
    await sync.look()
    await closed(client)
    await expect(connect('acme/devices/d1', old)).rejects.toThrow(/[Nn]ot authorized/)
    await letsIn('acme/devices/d1', secret)
  })

  it('keeps what waits for a device that is revoked from it, until it has a credential again', async () => {
    const before = await credential('devices', 'd1')
    await sync.look()
    const command = 'parking/v1/acme/devices/d1/command'
    const status = 'parking/v1/acme/devices/d1/status'
    const own = await letsIn('baywire', (await file('baywire.secret')).trim())
    const wills: string[] = []
    own.on('message', (_topic, payload) => wills.push(String(payload)))
    await own.subscribeAsync(status, { qos: 1 })
    const lasting = { clean: false, will: { topic: status, payload: Buffer.from('offline'), qos: 1 as const } }
    const device = await eventually('it is let in', () => connect('acme/devices/d1', before, lasting))
    await device.subscribeAsync(command, { qos: 1 })
    await revoke('d1')
    await sync.look()
    await closed(device)
    await own.publishAsync(command, 'while revoked', { qos: 1 })
    await expect(connect('acme/devices/d1', before, lasting)).rejects.toThrow(/[Nn]ot authorized/)

    const after = await credential('devices', 'd1')
    await sync.look()
    const got: string[] = []
    const onMessage = (payload: string) => void got.push(payload)
    await eventually('it is back', () => connect('acme/devices/d1', after, { clean: false, onMessage }))
    await own.publishAsync(command, 'afterwards', { qos: 1 })
    await eventually('the command', () => got.includes('afterwards'))
    // What differs from the built-in broker, which docs/mosquitto.md says.
    expect(got).toEqual(['while revoked', 'afterwards'])
    expect(wills).toEqual([])
  })

  it('gives an app the rights of its own tenant, from the moment that it may come in', async () => {
    const secret = await credential('apps', 'driver')
    await sync.look()
    const app = await letsIn('acme/apps/driver', secret)
    const own = await letsIn('baywire', (await file('baywire.secret')).trim())
    const seen: string[] = []
    app.on('message', (topic) => seen.push(topic))
    await app.subscribeAsync('#', { qos: 1 })
    for (const tenant of ['other', 'acme']) {
      // oxlint-disable-next-line no-await-in-loop
      await own.publishAsync(`parking/v1/${tenant}/sites/main/availability`, '{}', { qos: 1 })
    }
    await eventually('the availability', () => seen.length > 0)
    expect(seen).toEqual(['parking/v1/acme/sites/main/availability'])
  })

  it('writes and tells only what is new, also after a restart of its own', async () => {
    await credential('devices', 'd1')
    expect(await sync.look()).toMatchObject({ changed: true })
    const { ino } = await stat(join(server.directory, 'passwd'))
    expect(await sync.look()).toMatchObject({ changed: false, untold: undefined })
    const again = newSync()
    await again.prepare()
    expect(await again.look()).toMatchObject({ users: 2, changed: false, untold: undefined })
    expect((await stat(join(server.directory, 'passwd'))).ino).toBe(ino)
  })

  it('takes a secret that the operator has put there, and another when that changes', async () => {
    await writeFile(join(server.directory, 'baywire-2.secret'), 'from-a-vault\n')
    const two = newSync(['baywire', 'baywire-2'])
    await two.prepare()
    await two.look()
    const client = await letsIn('baywire-2', 'from-a-vault')
    await writeFile(join(server.directory, 'baywire-2.secret'), 'rotated')
    expect(await two.look()).toMatchObject({ changed: true })
    await closed(client)
    await letsIn('baywire-2', 'rotated')
  })

  it('never shows a file that is empty or half, nor one that others may read', async () => {
    const shown = new Set<string>()
    const looking = new AbortController()
    const looked = (async () => {
      while (!looking.signal.aborted) {
        for (const name of ['passwd', 'acl']) {
          const text = readFileSync(join(server.directory, name), 'utf8')
          if (!text.endsWith('\n') || !text.includes(name === 'passwd' ? '\nbaywire:$7$' : '\nuser baywire\n'))
            shown.add(text)
        }
        // oxlint-disable-next-line no-await-in-loop -- lets the writer write
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    for (let number = 0; number < 20; number++) {
      // oxlint-disable no-await-in-loop -- one change after the other
      await credential(number % 2 === 0 ? 'apps' : 'gateways', `c${number}`)
      await sync.look()
      // oxlint-enable no-await-in-loop
    }
    looking.abort()
    await looked
    expect([...shown]).toEqual([])
    const names = await readdir(server.directory)
    expect(names.filter((name) => name.endsWith('.new'))).toEqual([])
    for (const name of ['passwd', 'acl', 'baywire.secret']) {
      // oxlint-disable-next-line no-await-in-loop
      expect((await stat(join(server.directory, name))).mode & 0o777, name).toBe(0o600)
    }
  })

  it('two at a time write the same', async () => {
    const other = newSync()
    await other.prepare()
    await sync.look()
    for (let number = 0; number < 10; number++) {
      // oxlint-disable no-await-in-loop -- one change after the other
      await credential('devices', `d${number}`)
      await Promise.all([sync.look(), other.look()])
      // oxlint-enable no-await-in-loop
    }
    expect(await file('passwd')).toContain('\nacme/devices/d9:$7$')
    expect((await file('passwd')).split('\n')).toHaveLength(13)
  })

  it('removes what a crash has left, and does the rest of the work', async () => {
    const secret = await credential('devices', 'd1')
    await writeFile(join(server.directory, '.passwd.0123456789abcdef.new'), 'half')
    await sync.prepare()
    expect(await readdir(server.directory)).not.toContain('.passwd.0123456789abcdef.new')
    // Written, and then killed before Mosquitto was told.
    await new MosquittoSync({
      database: baywire.system,
      directory: server.directory,
      own: ['baywire'],
      reload: async () => 'killed before',
    }).look()
    expect(await sync.look()).toMatchObject({ changed: true, untold: undefined })
    await letsIn('acme/devices/d1', secret)
  })

  it('leaves everything as it was while the database is away', async () => {
    await credential('devices', 'd1')
    await sync.look()
    const before = await file('passwd')
    await baywire.sql`ALTER TABLE credentials RENAME TO credentials_away`
    await expect(sync.look()).rejects.toThrow()
    expect(await file('passwd')).toBe(before)
    await baywire.sql`ALTER TABLE credentials_away RENAME TO credentials`
    expect(await sync.look()).toMatchObject({ changed: false })
  })

  it('tells until Mosquitto hears, and no other process', async () => {
    const secret = await credential('devices', 'd1')
    const pid = await readFile(server.pidFile, 'utf8')
    await rm(server.pidFile)
    expect((await sync.look()).untold).toMatch(/does not run/)
    // A process id that now is somebody else's: this test's own, which the signal would end.
    await writeFile(server.pidFile, `${process.pid}\n`)
    expect((await sync.look()).untold).toMatch(/no Mosquitto/)
    await writeFile(server.pidFile, pid)
    expect(await sync.look()).toMatchObject({ changed: false, untold: undefined })
    await letsIn('acme/devices/d1', secret)
  })

  it('says which directory it cannot use', async () => {
    const missing = new MosquittoSync({
      database: baywire.system,
      directory: join(server.directory, 'missing'),
      own: ['baywire'],
      reload: async () => undefined,
    })
    await expect(missing.prepare()).rejects.toThrow(/^--directory: cannot use .*missing/)
    await mkdir(join(server.directory, 'missing'))
    await missing.prepare()
    expect(await missing.look()).toMatchObject({ users: 1, changed: true })
  })
})

async function closed(client: MqttClient): Promise<void> {
  if (client.connected) await new Promise<void>((resolve) => client.once('close', () => resolve()))
}
