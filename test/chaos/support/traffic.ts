import { join } from 'node:path'
import { eventually, type Program } from '../../support/program.ts'
import { AckLog } from '../../e2e/support/acknowledged.ts'
import type { Simulated } from '../../e2e/support/books.ts'
import type { Home } from '../../e2e/support/home.ts'

export interface TrafficOptions {
  /** Of all tenants together. */
  messages: number
  tenants?: readonly string[]
  /** Of each tenant. */
  spaces?: number
  /** Readings per second of all tenants together. */
  rate?: number | 'max'
  /** Connections of each tenant. */
  gateways?: number
  /** What runs the senders, such as `ip netns exec`. */
  prefix?: readonly string[]
  /** Where they are sent to, in the settings of Baywire. */
  env?: Record<string, string>
}

export interface Stream {
  tenant: string
  messages: number
  ackLog: AckLog
  sender: Program
}

const endMs = 180_000

/** Readings on their way while faults are made: per tenant a `baywire simulate`, which sends again until it is told. */
export class Traffic {
  readonly streams: readonly Stream[]

  constructor(home: Home, options: TrafficOptions) {
    const { messages, tenants = ['acme'], spaces = 100, rate = 'max', gateways = 2, prefix = [], env = {} } = options
    this.streams = tenants.map((tenant) => {
      const own = Math.ceil(messages / tenants.length)
      const ackLog = new AckLog(join(home.directory, `${tenant}.ndjson`))
      const pace = rate === 'max' ? rate : String(Math.ceil(rate / tenants.length))
      const size = ['--spaces', spaces, '--messages', own, '--rate', pace, '--gateways', gateways].map(String)
      const how = ['--provision', '--json', '--give-up', '170s', '--ack-log', ackLog.path]
      return {
        tenant,
        messages: own,
        ackLog,
        sender: home.spawn(['simulate', '--tenant', tenant, ...how, ...size], env, prefix),
      }
    })
  }

  get messages(): number {
    return this.streams.reduce((sum, { messages }) => sum + messages, 0)
  }

  acknowledged(): number {
    return this.streams.reduce((sum, { ackLog }) => sum + ackLog.count(), 0)
  }

  /** Waits until so many are acknowledged. Fails as soon as a sender has. */
  async reach(acknowledged: number): Promise<void> {
    const failed = await eventually(
      `${acknowledged} acknowledgements`,
      () => this.streams.find(({ sender }) => sender.failed) ?? (this.acknowledged() >= acknowledged && 'none'),
      { withinMs: endMs },
    )
    if (failed !== 'none') throw new Error(`a sender gave up: ${failed.sender.describe()}`)
  }

  /** Waits until all is sent and acknowledged. Answers how much that was. */
  async end(): Promise<number> {
    const ended = await Promise.all(this.streams.map(({ sender }) => sender.end(endMs)))
    return ended.reduce((sum, { code, stdout, stderr }) => {
      if (code !== 0) throw new Error(`a sender gave up: ${stderr}`)
      return sum + (JSON.parse(stdout) as Simulated).published
    }, 0)
  }

  async kill(): Promise<void> {
    await Promise.all(this.streams.map(({ sender }) => sender.kill()))
  }
}
