/**
 * Mosquitto as docs/mosquitto.md sets it up: with TLS, its files kept by `baywire mosquitto sync`, Baywire consuming as
 * a user whose secret that has made.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/store/client.ts'
import { mosquittoProgram, startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { eventually, type Program } from '../support/program.ts'
import { expectSound } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'
import { makeTenant, type Identity } from '../e2e/support/tenant.ts'

const execute = promisify(execFile)
const openssl = await execute('openssl', ['version']).then(
  () => true,
  () => false,
)
if (!openssl) process.stderr.write('skipped: TLS to Mosquitto is tried where openssl is installed\n')
const tenant = 'acme'

/** A certificate for 127.0.0.1, signed by itself. */
async function makeCertificate(directory: string): Promise<{ certificate: string; key: string }> {
  const [certificate, key] = [join(directory, 'server.crt'), join(directory, 'server.key')]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  await execute('openssl', ['req', '-x509', ...curve, ...subject, '-out', certificate, '-keyout', key])
  return { certificate, key }
}

describe.skipIf(mosquittoProgram === undefined || !openssl)(
  'Mosquitto in step, with TLS (needs mosquitto, openssl)',
  () => {
    let certificates: string
    let authority: string
    let mosquitto: Mosquitto
    let home: Home
    let sync: Program
    let devices: Identity[]
    let databaseUrl: string
    const clients: MqttClient[] = []
    const syncArgs = () => ['mosquitto', 'sync', '--directory', mosquitto.directory, '--user', 'baywire']
    const told = () => ['--pid-file', mosquitto.pidFile]

    async function letIn({ username, secret }: Identity, clientId = username): Promise<MqttClient> {
      const client = await mqtt.connectAsync({
        protocol: 'mqtts',
        host: '127.0.0.1',
        port: mosquitto.port,
        ca: await readFile(authority),
        username,
        password: secret,
        clientId,
        reconnectPeriod: 0,
      })
      client.on('error', () => {})
      clients.push(client)
      return client
    }

    beforeAll(async () => {
      certificates = await mkdtemp(join(tmpdir(), 'baywire-certificates-'))
      const tls = await makeCertificate(certificates)
      authority = tls.certificate
      mosquitto = await startMosquitto([], { tls })
      home = await Home.create({ NODE_EXTRA_CA_CERTS: authority, BAYWIRE_INSTANCE: 'baywire' })
    })

    afterAll(async () => {
      await Promise.all(clients.map((client) => client.endAsync(true)))
      await home.remove()
      await mosquitto.stop()
      await rm(certificates, { recursive: true })
    })

    it('sync makes the secret, and Baywire consumes with it', async () => {
      const once = await home.json<{ users: number; changed: boolean; told: boolean }>([
        ...syncArgs(),
        ...told(),
        '--once',
      ])
      expect(once).toEqual({ users: 1, changed: true, told: true })
      const secret = (await readFile(join(mosquitto.directory, 'baywire.secret'), 'utf8')).trim()
      await home.start(['start'], { MQTT_URL: mosquitto.url({ username: 'baywire', secret }) })
      databaseUrl = await home.databaseUrl()
      sync = home.spawn([...syncArgs(), ...told()])
    })

    it('a device that is made is let in, and what it says is committed', async () => {
      const made = await makeTenant(databaseUrl, { tenant, devices: ['D1', 'D2'], gateway: 'G1' })
      devices = made.devices
      const [device] = devices as [Identity]
      const client = await eventually('the device is let in', () => letIn(device))
      const reading = { occupied: true, at: new Date().toISOString(), seq: 1, boot: 1 }
      await client.publishAsync(`parking/v1/${tenant}/devices/D1/reading`, JSON.stringify(reading), { qos: 1 })
      await eventually('the reading', async () => (await home.metric('baywire_readings_total', { tenant })) === 1)
      const { ledger } = await expectSound(home, tenant)
      expect(ledger).toMatchObject({ received: 1, applied: 1 })
    })

    it('a device that is revoked is thrown out, and another is not', async () => {
      const [revoked, kept] = (await Promise.all(devices.map((device) => letIn(device)))) as [MqttClient, MqttClient]
      const gone = new Promise<void>((resolve) => revoked.once('close', () => resolve()))
      const sql = connect({ url: databaseUrl, max: 1, statementTimeoutMs: 10_000, name: 'e2e' })
      await sql`UPDATE credentials SET revoked_at = now() WHERE kind = 'devices' AND code = 'D1' AND revoked_at IS NULL`
      await sql.end()
      await gone
      await expect(letIn(devices[0] as Identity)).rejects.toThrow(/[Nn]ot authorized/)
      await kept.publishAsync(`parking/v1/${tenant}/devices/D2/status`, 'online', { qos: 1 })
    })

    it('a killed sync does no harm, and the next one catches up', async () => {
      await sync.kill()
      const before = await readFile(join(mosquitto.directory, 'passwd'), 'utf8')
      const { devices: more } = await makeTenant(databaseUrl, { tenant: 'later', devices: ['D1'], gateway: 'G1' })
      await mosquitto.restart()
      expect(await readFile(join(mosquitto.directory, 'passwd'), 'utf8')).toBe(before)
      sync = home.spawn([...syncArgs(), ...told()])
      await eventually('the new device is let in', () => letIn(more[0] as Identity))
      expect(await sync.stop()).toMatchObject({ code: 0 })
      await eventually('Baywire is back', async () => (await home.readiness()).ready)
    })

    it('over TLS too a client id cannot be chosen', async () => {
      const other = await letIn(devices[1] as Identity)
      const gone = new Promise<void>((resolve) => other.once('close', () => resolve()))
      await letIn(devices[1] as Identity, 'another-client-id')
      // It is the same client, and takes its own place over.
      await gone
    })

    it('refuses a certificate that nobody vouches for, and says so', async () => {
      const untrusting = { MQTT_URL: mosquitto.url(), BAYWIRE_HTTP_PORT: '0', NODE_EXTRA_CA_CERTS: '' }
      const { code, stderr } = await home.run(['start', 'ingest'], { env: untrusting })
      expect(code).toBe(1)
      expect(stderr).toMatch(/MQTT_URL: cannot consume from mqtts:.* certificate .*NODE_EXTRA_CA_CERTS/)
    })

    it.each([
      [[], /nothing says how Mosquitto is told/, 2],
      [['--pid-file', '/x', '--reload-command', 'true'], /both given/, 2],
      [['--reload-command', 'true', '--user', 'a/b'], /must be 1 to 64/, 2],
    ])('%j is refused', async (args, message, code) => {
      const ended = await home.run([...syncArgs(), ...args, '--once'])
      expect(ended.stderr).toMatch(message)
      expect(ended.code).toBe(code)
    })

    it('drains nobody where no broker is named', async () => {
      const ended = await home.run(['mosquitto', 'drain'])
      expect(ended).toMatchObject({ code: 2, stderr: expect.stringMatching(/MQTT_URL is not set/) as string })
    })

    it('tells by a command of the operator’s, and says when that fails', async () => {
      const mark = join(certificates, 'told')
      expect(await home.json([...syncArgs(), '--reload-command', `touch ${mark}`, '--once'])).toMatchObject({
        told: true,
      })
      await expect(readFile(mark)).resolves.toBeDefined()
      expect(await home.json([...syncArgs(), '--reload-command', 'exit 3', '--once'])).toMatchObject({ told: false })
    })
  },
)
