import { connectAsync, type MqttClient } from 'mqtt'
import type { Sql } from '../../../src/store/client.ts'
import type { Identity } from './tenant.ts'

/** What the log has of one message. */
export interface Fate {
  payload: Buffer
  delivery: string | null
  parts: { outcome: string; reason: string | null; clock: string | null; observed_at: string | null }[]
}

const connectTimeoutMs = 10_000

/** A device or gateway as it is in the field: an ordinary client of MQTT 3.1.1. */
export class Sender {
  readonly #client: MqttClient

  private constructor(client: MqttClient) {
    this.#client = client
  }

  static async connect({ port, identity }: { port: number; identity: Identity }): Promise<Sender> {
    return new Sender(await connectOnce(port, identity))
  }

  get connected(): boolean {
    return this.#client.connected
  }

  /** Resolves when all are acknowledged. */
  async publish(topic: string, payloads: readonly (Buffer | string)[], { retain = false } = {}): Promise<void> {
    await Promise.all(payloads.map((payload) => this.#client.publishAsync(topic, payload, { qos: 1, retain })))
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true)
  }
}

/** The messages that were logged while `work` was done, in the order of their arrival. Nobody else may be sending. */
export async function fatesOf(sql: Sql, work: () => Promise<void>): Promise<Fate[]> {
  const [newest] = await sql<{ id: string }[]>`SELECT id FROM readings ORDER BY id DESC LIMIT 1`
  const after = newest?.id ?? null
  await work()
  return await sql<Fate[]>`
    SELECT first.payload, first.delivery, jsonb_agg(
      jsonb_build_object('outcome', r.outcome, 'reason', r.reason, 'clock', r.clock, 'observed_at', r.observed_at)
      ORDER BY r.part) AS parts
    FROM readings first JOIN readings r USING (tenant_id, id)
    WHERE first.part = 0 AND (${after}::uuid IS NULL OR first.id > ${after}::uuid)
    GROUP BY first.id, first.payload, first.delivery ORDER BY first.id`
}

/** Whether such a client is let in; with which code it is refused, if not. */
export async function knock(port: number, identity: Identity): Promise<number | 'let in'> {
  try {
    const client = await connectOnce(port, identity)
    await client.endAsync(true)
    return 'let in'
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'number') return error.code
    throw error
  }
}

async function connectOnce(port: number, { username, secret }: Identity): Promise<MqttClient> {
  const options = { protocolVersion: 4, reconnectPeriod: 0, connectTimeout: connectTimeoutMs } as const
  return await connectAsync(
    `mqtt://127.0.0.1:${port}`,
    { ...options, clientId: username, username, password: secret },
    false,
  )
}
