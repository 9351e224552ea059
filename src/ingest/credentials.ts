import { setTimeout as pause } from 'node:timers/promises'
import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import { parseUsername, type Identity, type OwnLimits } from '../mqtt/access.ts'
import type { Broker } from '../mqtt/broker.ts'
import { checkCredentials, findCredential, verifySecret, type UsedCredential } from '../store/credentials.ts'
import type { SystemDatabase } from '../store/transactions.ts'

/** Whom the embedded broker lets in: those whose secret opens their credential in force; undefined for anybody else. */
export async function identify(
  database: SystemDatabase,
  { username, secret }: { username: string; secret: Buffer },
): Promise<Identity | undefined> {
  const principal = parseUsername(username)
  if (principal === undefined) return undefined
  const kind = `${principal.kind}s` as const
  const credential = await database.withSystem((tx) => findCredential(tx, { ...principal, kind }))
  if (credential === undefined) return undefined
  if (!(await verifySecret(credential.verifier, secret.toString('utf8')))) return undefined
  const { tenantId, id } = credential
  return { ...principal, credential: { tenantId, id }, limits: ownLimits(credential) }
}

interface WatchOptions {
  database: SystemDatabase
  broker: Pick<Broker, 'sessions' | 'disconnect' | 'limit'>
  /** Longest between two looks. */
  pollMs: number
  log: Log
}

/**
 * Ends the sessions of those whose credential ended after they connected: revoked, rotated, or their tenant renamed or
 * gone. It looks when it is told to (NOTIFY), and every `pollMs` anyway, since what is said may go unheard: while the
 * listener is away, or between a client's check and its registration.
 */
export class CredentialWatch {
  readonly #options: WatchOptions
  readonly #stopping = new AbortController()
  #look = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: WatchOptions) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Something may have changed. */
  look(): void {
    this.#look.abort()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#look.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { pollMs, log } = this.#options
    while (!this.#stopping.signal.aborted) {
      // A call of `look` from here on counts, also while the database is asked.
      this.#look = new AbortController()
      try {
        // oxlint-disable-next-line no-await-in-loop -- one look after the other
        await this.#endSessions()
      } catch (error) {
        log.warn({ reason: describeError(error) }, 'cannot check the credentials of the connected clients')
      }
      if (this.#stopping.signal.aborted) return
      // oxlint-disable-next-line no-await-in-loop
      await pause(pollMs, undefined, { signal: this.#look.signal }).catch(() => {})
    }
  }

  async #endSessions(): Promise<void> {
    const { database, broker, log } = this.#options
    const used = new Map<string, UsedCredential>()
    for (const { username, credential } of broker.sessions()) {
      if (credential !== undefined) used.set(credential.id, { ...credential, username })
    }
    if (used.size === 0) return
    const checked = await database.withSystem((tx) => checkCredentials(tx, [...used.values()]))
    for (const { id, inForce, ...limits } of checked) {
      const { username, tenantId } = used.get(id) as UsedCredential
      if (inForce) broker.limit(username, ownLimits(limits))
      else {
        log.info({ username }, 'credential ended: disconnected')
        broker.disconnect(username, { tenantId, id })
      }
    }
  }
}

function ownLimits({ messagesPerS, inFlight }: { messagesPerS: number | null; inFlight: number | null }): OwnLimits {
  return { messagesPerS: messagesPerS ?? undefined, inFlight: inFlight ?? undefined }
}
