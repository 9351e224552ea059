import { deriveKey } from '../secret.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import { Cursors } from './cursor.ts'
import { Feeds } from './feeds.ts'
import { ReadingHubs } from './reading-hubs.ts'
import { Streams, type StreamSettings } from './streams.ts'
import { TailCursors } from './tail-cursor.ts'
import { Tickets } from './tickets.ts'
import { Views } from './views.ts'

export interface LiveOptions {
  /** A client of its own: however many requests wait for the API's, events are still followed. */
  tenants: Pick<TenantDatabase, 'withTenant' | 'withAccounts' | 'tenantBySlug'>
  /** BAYWIRE_SECRET: equal in all processes, so that a cursor of one is good at the others. */
  secret: string
  log: Log
  metrics: Pick<Metrics, 'streams' | 'streamsEnded'>
  streams?: Partial<StreamSettings>
  /** By which the tokens of streams end. */
  now?: () => number
}

/** What a process knows by following the events of its tenants. Nothing of it asks the database before it is used. */
export interface Live {
  feeds: Feeds
  cursors: Cursors
  /** Places and states of the tenants that somebody asks for. */
  views: Views
  streams: Streams
  /** The readings of the tenants that somebody listens to. */
  readings: ReadingHubs
  tickets: Tickets
}

export function createLive({
  tenants,
  secret,
  log,
  metrics,
  streams: settings = {},
  now = Date.now,
}: LiveOptions): Live {
  const keys = { encryption: deriveKey(secret, 'cursor encryption'), nonce: deriveKey(secret, 'cursor nonce') }
  const tailKeys = {
    encryption: deriveKey(secret, 'tail cursor encryption'),
    nonce: deriveKey(secret, 'tail cursor nonce'),
  }
  const cursors = new Cursors(keys)
  const feeds = new Feeds({ tenants, log })
  return {
    feeds,
    cursors,
    views: new Views({ tenants, feeds, log }),
    streams: new Streams({ tenants, feeds, cursors, metrics, log, settings, now }),
    readings: new ReadingHubs({ tenants, cursors: new TailCursors(tailKeys), log }),
    tickets: new Tickets({ tenants, key: deriveKey(secret, 'stream tickets') }),
  }
}
