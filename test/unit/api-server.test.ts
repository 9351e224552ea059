import { EventEmitter, once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { OpenAPIHono } from '@hono/zod-openapi'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import type { ApiEnv } from '../../src/api/context.ts'
import { startApi, type RunningApi } from '../../src/api/server.ts'

const log = pino({ level: 'silent' })
const running: RunningApi[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()))
})

async function start(app = new OpenAPIHono<ApiEnv>(), options: { closeWaitMs?: number } = {}): Promise<RunningApi> {
  const api = await startApi({ app, host: '127.0.0.1', port: 0, log, ...options })
  running.push(api)
  return api
}

/** Sends bytes as they are, and resolves to all that comes back. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('utf8').on('data', (chunk) => (answer += chunk))
    socket.on('error', reject).on('close', () => resolve(answer))
  })
}

function getWith(agent: Agent, port: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ agent, port, host: '127.0.0.1', path: '/' }, (response) => {
      response.resume().on('end', () => resolve(response))
    }).on('error', reject)
  })
}

describe('listening', () => {
  it('names the setting when the port is in use', async () => {
    const { port } = await start()
    await expect(startApi({ app: new OpenAPIHono<ApiEnv>(), host: '127.0.0.1', port, log })).rejects.toMatchObject({
      name: 'BaywireError',
      message: `BAYWIRE_HTTP_PORT: port ${port} of 127.0.0.1 is in use`,
      advice: expect.stringContaining('BAYWIRE_HTTP_PORT') as unknown,
    })
  })

  it('names the setting when the address is none of this machine', async () => {
    await expect(startApi({ app: new OpenAPIHono<ApiEnv>(), host: '192.0.2.1', port: 0, log })).rejects.toMatchObject({
      name: 'BaywireError',
      message: expect.stringContaining('BAYWIRE_HOST') as unknown,
    })
  })
})

describe('what never becomes a request', () => {
  const cases = {
    'no HTTP': ['\x16\x03\x01 hello\r\n\r\n', 400, 'malformed-request'],
    'headers that are too large': [
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'header-too-large',
    ],
    'a backslash in the path': [
      'GET /\\..\\x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      400,
      'malformed-request',
    ],
    'a Host that is none': ['GET / HTTP/1.1\r\nHost: a b{}\r\nConnection: close\r\n\r\n', 400, 'malformed-request'],
    'no Host': ['GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400, ''],
    'an asterisk': ['OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 400, 'malformed-request'],
  } as const

  it.each(Object.entries(cases))('is answered as a problem: %s', async (_, [bytes, status, type]) => {
    const { port } = await start()
    const answer = await exchange(port, bytes)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    if (type === '') return
    expect(answer).toMatch(/content-type: application\/problem\+json/i)
    expect(answer).toContain(`"type":"/problems/${type}"`)
  })
})

describe('closing', () => {
  it('lets a running request end, and then closes its connection although it would be kept alive', async () => {
    const steps = new EventEmitter()
    const arrived = once(steps, 'arrived')
    const app = new OpenAPIHono<ApiEnv>()
    app.get('/', async (c) => {
      steps.emit('arrived')
      await once(steps, 'released')
      return c.text('done')
    })
    const api = await start(app, { closeWaitMs: 60_000 })
    const agent = new Agent({ keepAlive: true })
    const answer = getWith(agent, api.port)
    await arrived
    const closed = api.close()
    steps.emit('released')
    expect((await answer).statusCode).toBe(200)
    await closed
    agent.destroy()
  })

  it('closes connections that idle', async () => {
    const app = new OpenAPIHono<ApiEnv>()
    app.get('/', (c) => c.text('done'))
    const api = await start(app, { closeWaitMs: 60_000 })
    const agent = new Agent({ keepAlive: true })
    await getWith(agent, api.port)
    await api.close()
    agent.destroy()
    await expect(getWith(new Agent(), api.port)).rejects.toThrow('ECONNREFUSED')
  })

  it('does not wait for ever for a request that does not end', async () => {
    const steps = new EventEmitter()
    const arrived = once(steps, 'arrived')
    const app = new OpenAPIHono<ApiEnv>()
    app.get('/', () => {
      steps.emit('arrived')
      return new Promise<Response>(() => {})
    })
    const api = await start(app, { closeWaitMs: 10 })
    const answer = getWith(new Agent(), api.port)
    const refused = expect(answer).rejects.toThrow('socket hang up')
    await arrived
    await api.close()
    await refused
  })
})
