import { signal, type ReadonlySignal } from '@preact/signals'
import type { InferResponseType } from 'hono/client'
import type { BaywireClient } from '../../../src/api/client.ts'
import type { Permission } from '../../../src/auth/permissions.ts'
import type { Connection } from '../requests/connection.ts'
import { problemOf, SignedOut } from '../requests/problem.ts'
import { createRequests, reach, type Credentials } from '../requests/requests.ts'
import { KeptToken } from './kept-token.ts'

export type Me = InferResponseType<BaywireClient['api']['v1']['auth']['me']['$get'], 200>

/** `starting` until it is known whether the page that was here before left a session. */
export type SessionState =
  | { kind: 'starting' }
  | { kind: 'signed out'; because: 'nobody' | 'left' | 'ended' }
  | { kind: 'signed in'; me: Me }

export interface Login {
  email: string
  password: string
  remember: boolean
  newPassword?: string | undefined
}

interface Tokens {
  access_token: string
  refresh_token: string
  expires_in: number
}

/**
 * A token that ends sooner is renewed before it is used. Streams are told a minute before; what they come back with is
 * to be the next one.
 */
const earlyMs = 75_000

/**
 * Who is signed in. The access token is in memory alone; there is one refresh at a time, whoever asks for it.
 */
export class Session implements Credentials {
  readonly #connection: Connection
  readonly #kept = new KeptToken()
  readonly #state = signal<SessionState>({ kind: 'starting' })
  #access: { token: string; renewAt: number } | undefined
  #refreshToken: string | undefined
  #renewing: Promise<string> | undefined

  constructor(connection: Connection) {
    this.#connection = connection
  }

  get state(): ReadonlySignal<SessionState> {
    return this.#state
  }

  /** Goes on with what the page that was here before left. */
  async resume(): Promise<void> {
    this.#refreshToken = await this.#kept.take()
    if (this.#refreshToken === undefined) return this.#end('nobody')
    await this.#begin()
  }

  async #begin(): Promise<void> {
    try {
      await this.readMe()
    } catch (error) {
      // The next try comes when the API is back.
      if (!(error instanceof SignedOut)) this.#whenBack(() => void this.#begin())
    }
  }

  /** @throws Problem, Unreachable */
  async signIn({ email, password, remember, newPassword }: Login): Promise<void> {
    const body = { email, password, remember, ...(newPassword === undefined ? {} : { new_password: newPassword }) }
    const response = await this.#post('login', body)
    if (!response.ok) throw await reach(this.#connection, () => problemOf(response))
    await this.#take((await response.json()) as Tokens)
    await this.readMe()
  }

  async signOut(): Promise<void> {
    const refreshToken = this.#refreshToken
    this.#end('left')
    // Whether or not that arrives: this tab knows no token any more.
    if (refreshToken !== undefined) await this.#post('logout', { refresh_token: refreshToken }).catch(() => {})
  }

  /** Goes on in another tenant of theirs. */
  async enterTenant(tenantId: string): Promise<void> {
    const { send } = createRequests({ credentials: this, connection: this.#connection })
    const response = await send('/api/v1/auth/tenant', {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ tenant_id: tenantId }),
    })
    this.#remember((await response.json()) as Tokens)
    await this.readMe()
  }

  /** What they may do, as it is now. */
  async readMe(): Promise<void> {
    const { send } = createRequests({ credentials: this, connection: this.#connection })
    const me = (await (await send('/api/v1/auth/me')).json()) as Me
    this.#state.value = { kind: 'signed in', me }
  }

  may(permission: Permission): boolean {
    const state = this.#state.value
    return state.kind === 'signed in' && state.me.permissions.includes(permission)
  }

  async accessToken(): Promise<string> {
    const access = this.#access
    return access !== undefined && Date.now() < access.renewAt ? access.token : await this.#renewOnce()
  }

  async renew(refused: string): Promise<string> {
    // Somebody else may have renewed it since that request was sent.
    return this.#access !== undefined && this.#access.token !== refused ? this.#access.token : await this.#renewOnce()
  }

  /** What was just renewed is refused: there is no session any more. */
  ended(): void {
    this.#end('ended')
  }

  #renewOnce(): Promise<string> {
    this.#renewing ??= this.#renewNow().finally(() => (this.#renewing = undefined))
    return this.#renewing
  }

  async #renewNow(): Promise<string> {
    if (this.#refreshToken === undefined) throw new SignedOut()
    const response = await this.#post('refresh', { refresh_token: this.#refreshToken })
    if (response.ok) return await this.#take((await response.json()) as Tokens)
    const problem = await reach(this.#connection, () => problemOf(response))
    if (problem.status !== 401 && problem.status !== 400) {
      this.#connection.lost()
      throw problem
    }
    this.#end('ended')
    throw new SignedOut()
  }

  #post(what: string, body: unknown): Promise<Response> {
    return reach(this.#connection, () =>
      fetch(`/api/v1/auth/${what}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      }),
    )
  }

  async #take(tokens: Tokens): Promise<string> {
    this.#refreshToken = tokens.refresh_token
    await this.#kept.put(tokens.refresh_token)
    return this.#remember(tokens)
  }

  #remember({ access_token: token, expires_in: lifeS }: Pick<Tokens, 'access_token' | 'expires_in'>): string {
    const lifeMs = lifeS * 1000
    this.#access = { token, renewAt: Date.now() + lifeMs - Math.min(earlyMs, lifeMs / 2) }
    return token
  }

  #end(because: 'nobody' | 'left' | 'ended'): void {
    this.#access = undefined
    this.#refreshToken = undefined
    this.#kept.forget()
    this.#state.value = { kind: 'signed out', because }
  }

  #whenBack(then: () => void): void {
    const before = this.#connection.recoveries.peek()
    const stop = this.#connection.recoveries.subscribe((count) => {
      if (count === before) return
      queueMicrotask(() => stop())
      then()
    })
  }
}
