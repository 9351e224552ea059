import mqtt, { type MqttClient } from 'mqtt'
import { createLog } from '../../src/log.ts'
import { Outbox, type OutboxOptions } from '../../src/outbox/outbox.ts'
import type { TestIngest } from './ingest.ts'
import { Changes } from './mqtt.ts'

interface Heard {
  topic: string
  /** Undefined where the topic was cleared. */
  body: Record<string, unknown> | undefined
  retained: boolean
}

/** An app that subscribes, and keeps what it is sent. */
export class Watcher {
  readonly heard: Heard[] = []
  readonly client: MqttClient
  readonly #changes = new Changes()
  readonly #last = new Map<string, Heard>()

  private constructor(client: MqttClient) {
    this.client = client
    client.on('error', () => {})
    client.on('message', (topic, payload, { retain }) => {
      const body = payload.length === 0 ? undefined : (JSON.parse(payload.toString()) as Record<string, unknown>)
      const heard = { topic, body, retained: retain }
      this.heard.push(heard)
      this.#last.set(topic, heard)
      this.#changes.happened()
    })
  }

  static async open({
    port,
    username,
    filters,
    secret = 'right',
  }: {
    port: number
    username: string
    filters: string[]
    secret?: string
  }): Promise<Watcher> {
    const client = mqtt.connect({
      host: '127.0.0.1',
      port,
      username,
      password: secret,
      clientId: username,
      protocolVersion: 4,
      reconnectPeriod: 50,
    })
    const watcher = new Watcher(client)
    await new Promise<void>((resolve) => client.once('connect', () => resolve()))
    await client.subscribeAsync(Object.fromEntries(filters.map((filter) => [filter, { qos: 1 as const }])))
    return watcher
  }

  of(topic: string): Heard[] {
    return this.heard.filter((message) => message.topic === topic)
  }

  last(topic: string): Record<string, unknown> | undefined {
    return this.#last.get(topic)?.body
  }

  /** Something was there, and is not any more. */
  isCleared(topic: string): boolean {
    const last = this.#last.get(topic)
    return last !== undefined && last.body === undefined
  }

  async until(condition: () => boolean): Promise<void> {
    await this.#changes.until(condition)
  }

  /** The topics on which an older version came behind a newer one; an emptied topic begins anew. */
  wentBack(): string[] {
    const versions = new Map<string, number>()
    const wrong: string[] = []
    for (const { topic, body } of this.heard) {
      const version = body === undefined ? -1 : Number(body['version'] ?? 0)
      if (version >= 0 && version < (versions.get(topic) ?? -1)) wrong.push(topic)
      versions.set(topic, version)
    }
    return wrong
  }

  async close(): Promise<void> {
    await this.client.endAsync(true)
  }
}

export const stateOf = (tenant: string, space: string, site = 'main') =>
  `parking/v1/${tenant}/sites/${site}/spaces/${space}/state`
export const availabilityOf = (tenant: string, site = 'main') => `parking/v1/${tenant}/sites/${site}/availability`

/** An outbox that looks often instead of being woken. */
export function startOutbox(
  baywire: TestIngest,
  options: Pick<OutboxOptions, 'outlet' | 'broker'> & Partial<OutboxOptions>,
): Outbox {
  const outbox = new Outbox({
    database: baywire.system,
    processName: 'test',
    metrics: baywire.metrics,
    log: createLog({ level: process.env['TEST_LOG'] ?? 'silent' }),
    windowMs: 10,
    ...options,
    timing: { pollMs: 20, evidenceMs: 200, lagMs: 50, leaseMs: 1000, ...options.timing },
  })
  outbox.start()
  return outbox
}
