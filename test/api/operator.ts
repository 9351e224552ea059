import { pino } from 'pino'
import { createApi, type Api, type ApiOptions } from '../../src/api/app.ts'
import type { Principal } from '../../src/auth/principal.ts'
import type { Role } from '../../src/auth/permissions.ts'
import { newId } from '../../src/ids.ts'
import { createMetrics } from '../../src/metrics.ts'
import { Refusal } from '../../src/refusal.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { testAccess } from '../support/access.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

/** The API beside a running ingest, on one database: what an operator does, and what sensors make of it. */
export interface Operators {
  baywire: TestIngest
  tenants: TenantDatabase
  app: Api
  /** A tenant of the test's own, with devices each at a space of the same code at site `main`. */
  tenant(devices?: readonly string[]): Promise<OperatedTenant>
  /** A principal that the API knows by the token that is returned. */
  signIn(principal: Principal): string
  close(): Promise<void>
}

export interface OperatedTenant {
  id: string
  slug: string
  /** Asks the API as a member with this role; as an operator without one. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>
  spaceId(code: string): Promise<string>
  topic(device: string): string
  audit(): Promise<{ action: string; target_kind: string; target_id: string; actor_id: string; detail: unknown }[]>
}

export interface AskOptions {
  role?: Role
  token?: string
  body?: unknown
  ifMatch?: string | undefined
}

export interface Answer {
  status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- a test says itself what it expects
  body: any
  text: string
  headers: Headers
  etag: string | undefined
}

export async function startOperators(options: Partial<ApiOptions> = {}): Promise<Operators> {
  const baywire = await startTestIngest()
  const tenants = tenantDatabase({ url: baywire.ownerUrl, max: 4, statementTimeoutMs: 10_000, name: 'test api' })
  const known = new Map<string, Principal>()
  const authenticate = (authorization: string | undefined) => {
    const principal = known.get(authorization?.replace('Bearer ', '') ?? '')
    if (principal === undefined) return Promise.reject(new Refusal('unauthenticated', 'Sign in.'))
    return Promise.resolve(principal)
  }
  const app = createApi({
    ...testAccess({ tenants }),
    tenants,
    metrics: createMetrics(),
    log: pino({ level: 'silent' }),
    readiness: () => Promise.resolve({ ready: true, parts: {} }),
    authenticator: { authenticate },
    ...options,
  })
  function signIn(principal: Principal): string {
    const token = newId()
    known.set(token, principal)
    return token
  }
  let number = 0
  return {
    baywire,
    tenants,
    app,
    signIn,
    async tenant(devices = []) {
      const slug = `t${++number}`
      const id = await baywire.tenant(slug, devices)
      return { id, slug, ...clientOf({ id, slug, app, baywire, signIn }) }
    },
    async close() {
      await tenants.close()
      await baywire.close()
    },
  }
}

type Context = Pick<Operators, 'app' | 'baywire' | 'signIn'> & { id: string; slug: string }

function clientOf({ id, slug, app, baywire, signIn }: Context): Omit<OperatedTenant, 'id' | 'slug'> {
  const tokens = new Map<Role, string>()
  function tokenOf(role: Role): string {
    const token = tokens.get(role) ?? signIn(member(id, role))
    tokens.set(role, token)
    return token
  }
  return {
    async ask(method, path, { role = 'operator', token = tokenOf(role), body, ifMatch } = {}) {
      const headers: Record<string, string> = { Authorization: `Bearer ${token}` }
      if (body !== undefined) headers['Content-Type'] = 'application/json'
      if (ifMatch !== undefined) headers['If-Match'] = ifMatch
      const sent = body === undefined ? {} : { body: JSON.stringify(body) }
      const response = await app.request(`/api/v1${path}`, { method, headers, ...sent })
      const text = await response.text()
      return {
        status: response.status,
        body: text === '' ? undefined : JSON.parse(text),
        text,
        headers: response.headers,
        etag: response.headers.get('ETag') ?? undefined,
      }
    },
    async spaceId(code) {
      const [row] = await baywire.sql<
        { id: string }[]
      >`select id from spaces where tenant_id = ${id} and code = ${code}`
      if (row === undefined) throw new Error(`no space ${code}`)
      return row.id
    },
    topic: (device) => `parking/v1/${slug}/devices/${device}/reading`,
    audit: async () =>
      await baywire.sql`select action, target_kind, target_id, actor_id, detail from audit_log where tenant_id = ${id} order by seq`,
  }
}

export function member(tenantId: string, role: Role): Principal {
  return {
    kind: 'user',
    userId: newId(),
    sessionId: newId(),
    tenant: { id: tenantId, role },
    platformAdministrator: false,
  }
}

export const ascending = (a: number, b: number) => a - b
