import { setTimeout as pause } from 'node:timers/promises'
import mqtt from 'mqtt'
import { logIn, post, quantile, type Finding, type Product } from './product.ts'

const readers = 10
const devices = 50
const readsPerSecond = 50
const readingsPerSecond = 200

interface Tally {
  readsMs: number[]
  failedReads: number
  acknowledged: number
  logins: Map<number, number>
  withoutRetryAfter: number
}

/**
 * What a flood of logins takes from everybody else, in one process with everything in it (G-A17): reads of signed-in people
 * keep a p99 of at most 250 ms or five times their quiet one, readings are committed as before, and what is too much
 * is answered 503 with Retry-After.
 */
export async function* logins(
  product: Product,
  { rate, seconds }: { rate: number; seconds: number },
): AsyncGenerator<Finding> {
  const owner = await logIn(product, 'first@example.org')
  const gateway = await provision(product, owner)
  const reading = await product.addAccounts('reading', readers)
  const tokens: string[] = []
  // oxlint-disable-next-line no-await-in-loop -- so that none of them is refused
  for (const email of reading) tokens.push(await logIn(product, email))
  const people = await product.addAccounts('flood', Math.ceil(rate * 2))

  await measure(product, { seconds: 3, tokens, gateway, people, rate: 0 })
  const quiet = await measure(product, { seconds, tokens, gateway, people, rate: 0 })
  const flood = await measure(product, { seconds, tokens, gateway, people, rate })
  gateway.client.end(true)

  const bound = Math.max(250, 5 * p99(quiet))
  yield {
    line: `${flood.readsMs.length} reads, p50 ${quantile(flood.readsMs, 0.5).toFixed(1)} and p99 ${p99(flood).toFixed(1)} ms (quiet ${quantile(quiet.readsMs, 0.5).toFixed(1)} and ${p99(quiet).toFixed(1)}; bound ${bound.toFixed(0)}), ${flood.failedReads} failed`,
    ok: p99(flood) <= bound && flood.failedReads === 0,
  }
  yield {
    line: `${flood.acknowledged} readings acknowledged (quiet ${quiet.acknowledged})`,
    ok: flood.acknowledged >= 0.9 * quiet.acknowledged,
  }
  const statuses = [...flood.logins].toSorted(([a], [b]) => a - b)
  const asked = statuses.reduce((sum, [, count]) => sum + count, 0)
  yield {
    line: `${asked} logins in ${seconds} s: ${statuses.map(([status, count]) => `${count} answered ${status}`).join(', ')}; ${flood.withoutRetryAfter} of the 503 without Retry-After`,
    ok: statuses.every(([status]) => status === 200 || status === 503) && flood.withoutRetryAfter === 0,
  }
}

function p99({ readsMs }: Tally): number {
  return quantile(readsMs, 0.99)
}

interface Gateway {
  client: mqtt.MqttClient
  topic: string
}

async function provision({ api, mqttUrl }: Product, token: string): Promise<Gateway> {
  const site = await made<{ id: string }>('sites', { code: 'north', name: 'North' })
  for (let number = 0; number < devices; number++) {
    // oxlint-disable no-await-in-loop -- a few, once
    const space = await made<{ id: string }>('spaces', {
      site_id: site.id,
      code: `s-${number}`,
      name: `Space ${number}`,
    })
    await made('devices', { code: `d-${number}`, space_id: space.id })
    // oxlint-enable no-await-in-loop
  }
  const { credentials } = await made<{ credentials: { username: string; client_id: string; secret: string } }>(
    'gateways',
    { code: 'g1' },
  )
  const { username, client_id: clientId, secret } = credentials
  const client = await mqtt.connectAsync(mqttUrl, { username, password: secret, clientId })
  return { client, topic: `parking/v1/${username}/readings` }

  async function made<T>(path: string, body: object): Promise<T> {
    const response = await post(`${api}/${path}`, body, token)
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
    return JSON.parse(text) as T
  }
}

async function measure(
  product: Product,
  load: { seconds: number; tokens: string[]; gateway: Gateway; people: string[]; rate: number },
): Promise<Tally> {
  const { seconds, tokens, gateway, people, rate } = load
  const { api, password } = product
  const tally: Tally = { readsMs: [], failedReads: 0, acknowledged: 0, logins: new Map(), withoutRetryAfter: 0 }

  const read = async (number: number) => {
    const from = performance.now()
    const response = await fetch(`${api}${number % 2 === 0 ? '/spaces' : '/auth/me'}`, {
      headers: { Authorization: `Bearer ${tokens[number % tokens.length]}` },
    })
    await response.text()
    tally.readsMs.push(performance.now() - from)
    if (response.status !== 200) tally.failedReads += 1
  }
  const publish = async (number: number) => {
    const reading = { device: `d-${number % devices}`, at: new Date().toISOString(), occupied: number % 2 === 0 }
    await gateway.client.publishAsync(gateway.topic, JSON.stringify({ readings: [reading] }), { qos: 1 })
    tally.acknowledged += 1
  }
  const knock = async (number: number) => {
    const response = await post(`${api}/auth/login`, { email: people[number % people.length], password })
    await response.text()
    tally.logins.set(response.status, (tally.logins.get(response.status) ?? 0) + 1)
    if (response.status === 503 && !response.headers.has('retry-after')) tally.withoutRetryAfter += 1
  }
  await Promise.all([
    steadily(readsPerSecond, seconds, read),
    steadily(readingsPerSecond, seconds, publish),
    steadily(rate, seconds, knock),
  ])
  return tally
}

const tickMs = 10

/** Starts `work` so many times a second, whether the earlier ones have ended or not; waits for all of them. */
async function steadily(perSecond: number, seconds: number, work: (number: number) => Promise<void>): Promise<void> {
  const begun: Promise<void>[] = []
  const from = performance.now()
  for (let at = 0; at < seconds * 1000; at = performance.now() - from) {
    while (begun.length < (at / 1000) * perSecond) begun.push(work(begun.length))
    // oxlint-disable-next-line no-await-in-loop -- the pace
    await pause(tickMs)
  }
  await Promise.all(begun)
}
