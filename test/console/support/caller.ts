import { newId } from '../../../src/ids.ts'
import type { Home } from '../../e2e/support/home.ts'
import type { Person } from './town.ts'

/** Somebody who uses the API beside the browser. */
export class Caller {
  readonly #home: Home
  readonly #token: string

  private constructor(home: Home, token: string) {
    this.#home = home
    this.#token = token
  }

  static async signIn(home: Home, { email, password }: Pick<Person, 'email' | 'password'>): Promise<Caller> {
    const response = await fetch(home.url('/api/v1/auth/login'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ email, password, remember: false }),
    })
    const { access_token: token } = (await response.json()) as { access_token: string }
    return new Caller(home, token)
  }

  /** The body of a good answer. */
  async send<T>(method: string, path: string, json?: unknown, headers: Record<string, string> = {}): Promise<T> {
    const response = await fetch(this.#home.url(`/api/v1${path}`), {
      method,
      headers: {
        Authorization: `Bearer ${this.#token}`,
        ...(method === 'POST' ? { 'Idempotency-Key': newId() } : {}),
        ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  async get<T>(path: string): Promise<T> {
    return await this.send<T>('GET', path)
  }

  /** A change of single fields of what is there. */
  async change(path: string, json: unknown): Promise<void> {
    const headers = { Authorization: `Bearer ${this.#token}` }
    const revision = (await fetch(this.#home.url(`/api/v1${path}`), { headers })).headers.get('ETag') ?? ''
    await this.send('PATCH', path, json, { 'If-Match': revision })
  }
}
