import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connected, connectPacket, publishPacket, RawClient } from '../support/mqtt.ts'
import { eventually } from '../support/program.ts'
import { expectSound } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'

/** `baywire device` beside a running `baywire start`: what one process changes in the database, the other's broker obeys. */
let home: Home

interface Credential {
  username: string
  client_id: string
  secret: string
}
interface Listed {
  kind: string
  code: string
  space: string | null
  credential_since: string | null
  credential_revoked_at: string | null
  presence: string | null
  last_heard_at: string | null
}

/** Made by `baywire simulate`, each at a space of its own name. */
const standing = { device: 'sim-00001', other: 'sim-00002' }
const tenant = ['--tenant', 'city']
const device = (verb: string, ...words: string[]) => ['device', verb, ...tenant, ...words]

beforeAll(async () => {
  home = await Home.create()
  await home.start()
  await home.json(['simulate', ...tenant, '--provision', '--spaces', '2', '--messages', '1', '--rate', 'max'])
})
afterAll(async () => {
  try {
    await expectSound(home, 'city')
  } finally {
    await home.remove()
  }
})

async function listed(code: string): Promise<Listed | undefined> {
  const { items } = await home.json<{ items: Listed[] }>(device('list', '--device', code))
  return items[0]
}

async function connect({
  username,
  client_id: clientId,
  secret,
}: Credential): Promise<{ client: RawClient; code: number }> {
  const client = await RawClient.connect(home.mqttPort)
  const will = { topic: `parking/v1/${username}/status`, payload: 'offline', retain: true }
  client.send(connectPacket({ username, clientId, secret, will }))
  return { client, code: (await client.receive(connected.length))[3] ?? -1 }
}

async function publish(client: RawClient, topic: string, payload: string, id: number): Promise<void> {
  const before = client.received.length
  client.send(publishPacket({ topic, payload, id, retain: topic.endsWith('/status') }))
  await client.receive(before + 4)
}

describe('a device', () => {
  let credential: Credential

  it('is made with a credential, stands at its space, and is heard', async () => {
    credential = await home.json<Credential>(device('add', '--device', 'D-1'))
    expect(credential).toEqual({
      username: 'city/devices/D-1',
      client_id: 'city/devices/D-1',
      secret: expect.stringMatching(/^[\w-]{43}$/),
    })
    const { client, code } = await connect(credential)
    expect(code).toBe(0)
    await publish(client, 'parking/v1/city/devices/D-1/status', 'online', 1)
    await publish(client, 'parking/v1/city/devices/D-1/reading', '{"occupied":true,"seq":1,"boot":1}', 2)
    expect(await listed('D-1')).toMatchObject({
      kind: 'devices',
      space: null,
      credential_since: expect.any(String),
      credential_revoked_at: null,
      presence: 'online',
      last_heard_at: expect.any(String),
    })
    client.destroy()
    await eventually('its last will', async () => (await listed('D-1'))?.presence === 'offline')
  })

  it('gets another secret, which ends the session of the old one; no last will is delivered', async () => {
    const { client } = await connect(credential)
    await publish(client, 'parking/v1/city/devices/D-1/status', 'online', 1)
    const rotated = await home.json<Credential>(device('rotate', '--device', 'D-1'))
    await client.closed()
    expect((await connect(credential)).code).toBe(4)
    credential = rotated
    const { client: next, code } = await connect(credential)
    expect(code).toBe(0)
    await publish(next, 'parking/v1/city/devices/D-1/reading', '{"occupied":true,"seq":2,"boot":1}', 3)
    expect((await listed('D-1'))?.presence).toBe('online')
    next.destroy()
  })

  it('is revoked: cut off, and not let in again until it is added again', async () => {
    const { client } = await connect(credential)
    await home.json(device('revoke', '--device', 'D-1'))
    await client.closed()
    expect((await connect(credential)).code).toBe(4)
    expect((await listed('D-1'))?.credential_revoked_at).toEqual(expect.any(String))
    const again = await home.json<Credential>(device('add', '--device', 'D-1'))
    const { client: next, code } = await connect(again)
    expect(code).toBe(0)
    next.destroy()
  })
})

describe('a gateway and an app', () => {
  it('have credentials of the same kind, and a gateway limits of its own', async () => {
    const gateway = await home.json<Credential>(device('add', '--gateway', 'roof', '--in-flight', '5'))
    expect(gateway.username).toBe('city/gateways/roof')
    const limits = await home.json(
      device('limit', '--gateway', 'roof', '--messages-per-s', '500', '--in-flight', 'default'),
    )
    expect(limits).toEqual({ username: 'city/gateways/roof', messages_per_s: 500, in_flight: null })
    const app = await home.json<Credential>(device('add', '--app', 'dashboard'))
    const sessions = await Promise.all([connect(gateway), connect(app)])
    expect(sessions.map(({ code }) => code)).toEqual([0, 0])
    for (const { client } of sessions) client.destroy()
  })
})

describe('what is refused', () => {
  it.each([
    ['a second credential', device('add', '--device', 'D-1'), 1, 'baywire device rotate'],
    ['an unknown tenant', ['device', 'add', '--tenant', 'nowhere', '--device', 'X'], 1, 'there is no tenant "nowhere"'],
    ['an unknown site', device('add', '--device', 'X', '--space', 'no/A'), 1, 'there is no site "no"'],
    ['an unknown space', device('add', '--device', 'X', '--space', 'main/no'), 1, 'no space "no" at site "main"'],
    ['a device that was never added', device('rotate', '--device', 'X'), 1, '"X" has no credential in force'],
    ['nothing to revoke', device('revoke', '--gateway', 'X'), 1, 'gateway "X" has no credential in force'],
    ['a limit of nobody', device('limit', '--gateway', 'X', '--in-flight', '5'), 1, 'there is no gateway "X"'],
    ['a limit of a device', device('limit', '--device', 'D-1', '--in-flight', '5'), 2, 'for a --gateway'],
    ['no name', device('add'), 2, 'one of --device, --gateway and --app'],
    ['two names', device('add', '--device', 'X', '--app', 'X'), 2, 'one of --device, --gateway and --app'],
    ['a name that is none', device('add', '--device', 'a/b'), 2, 'must be 1 to 64'],
    ['a place that is none', device('add', '--device', 'X', '--space', 'main'), 2, 'must be SITE/SPACE'],
    ['a gateway at a space', device('add', '--gateway', 'X', '--space', 'main/A'), 2, '--space is for a --device'],
  ])('%s', async (_what, words, exitCode, message) => {
    const { code, stderr, stdout } = await home.run(words)
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' })
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(message)
  })

  it('leaves nothing behind', async () => {
    expect(await listed('X')).toBeUndefined()
  })

  it('to move a device by the way; where it stands it gets its credential', async () => {
    const [elsewhere, there] = [`main/${standing.other}`, `main/${standing.device}`]
    const { code, stderr } = await home.run(device('add', '--device', standing.device, '--space', elsewhere))
    expect(code).toBe(1)
    expect(stderr).toContain(`stands at ${there}`)
    expect(await listed(standing.device)).toMatchObject({ space: there, credential_since: null })
    await home.json(device('add', '--device', standing.device, '--space', there))
    expect((await listed(standing.device))?.credential_since).toEqual(expect.any(String))
  })
})
