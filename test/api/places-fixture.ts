import { pino } from 'pino'
import { createApi, type Api } from '../../src/api/app.ts'
import type { Authenticator } from '../../src/auth/authenticator.ts'
import type { Role } from '../../src/auth/permissions.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { newId } from '../../src/ids.ts'
import { createMetrics } from '../../src/metrics.ts'
import { Refusal } from '../../src/refusal.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import type { Live } from '../../src/live/live.ts'
import { testAccess } from '../support/access.ts'
import { upToDate } from '../support/up-to-date.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { insertTenant } from './fixture.ts'

/** The API and an ingest on one database, and people of tenants who ask it. */
export interface PlacesFixture {
  baywire: TestIngest
  app: Api
  /** The same API with another memory. */
  appWith(live: Pick<Live, 'feeds' | 'views'>): Api
  /** A tenant of its own, with one person of each role. */
  tenant(): Promise<TestTenant>
  /** A driver of a tenant that was made by `baywire.tenant`, and its places. */
  inTenant(id: string): Promise<{ driver: Caller; siteId: string; spaceIds: string[] }>
  /** One more instance of the API on the same database, with a pool of its own: what its process would be. */
  instance(options?: InstanceOptions): Api
  close(): Promise<void>
}

interface InstanceOptions {
  url?: string
  max?: number
  databaseWaitMs?: number
}

export interface TestTenant {
  id: string
  slug: string
  owner: Caller
  viewer: Caller
  operator: Caller
  driver: Caller
  /** One more person with this role. */
  another(role: Role): Caller
}

export interface CallOptions {
  /** Sent as JSON. */
  json?: unknown
  ifMatch?: string | null
  headers?: Record<string, string>
  body?: string | Buffer
  /** Another instance than that of the fixture. */
  app?: Api
}

export interface Answer {
  status: number
  headers: Headers
  etag: string
  text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test looks into, it knows
  body: any
}

export type Caller = (method: string, path: string, options?: CallOptions) => Promise<Answer>

export async function placesFixture(): Promise<PlacesFixture> {
  const baywire = await startTestIngest()
  const people = new Map<string, Principal>()
  const authenticator: Authenticator = {
    authenticate: async (header) => {
      const principal = people.get(header?.replace('Bearer ', '') ?? '')
      if (principal === undefined) throw new Refusal('unauthenticated', 'Sign in.')
      return principal
    },
  }
  const opened: TenantDatabase[] = []
  // Hundreds wait in one line here, on whatever machine this is.
  const open = ({ url = baywire.ownerUrl, max = 4, databaseWaitMs = 60_000 }: InstanceOptions = {}) => {
    const tenants = tenantDatabase({ url, max, statementTimeoutMs: 20_000, name: 'test api' })
    opened.push(tenants)
    return { tenants, access: testAccess({ tenants }), databaseWaitMs }
  }
  const shared = open()
  const appWith = (live: Pick<Live, 'feeds' | 'views'>, { tenants, access, databaseWaitMs } = shared) =>
    createApi({
      ...access,
      live: { ...access.live, ...live },
      tenants,
      authenticator,
      clock: baywire.clock,
      databaseWaitMs,
      metrics: createMetrics(),
      log: pino({ level: process.env['TEST_LOG'] ?? 'silent' }),
      readiness: () => Promise.resolve({ ready: true, parts: {} }),
    })
  const instance = (options?: InstanceOptions) => {
    const opening = open(options)
    return appWith(opening.access.live, opening)
  }
  const app = upToDate(appWith(shared.access.live), shared.access.live)
  let number = 0

  function person(tenantId: string, role: Role): Caller {
    const token = newId()
    people.set(token, {
      kind: 'user',
      userId: newId(),
      sessionId: newId(),
      tenant: { id: tenantId, role },
      platformAdministrator: false,
    })
    return (method, path, options = {}) => call(options.app ?? app, { token, method, path, options })
  }

  return {
    baywire,
    app,
    appWith,
    async tenant() {
      const slug = `tenant-${++number}`
      const id = await insertTenant(baywire.sql, { slug })
      const [owner, viewer] = [person(id, 'owner'), person(id, 'viewer')]
      const another = (role: Role) => person(id, role)
      return { id, slug, owner, viewer, operator: another('operator'), driver: another('driver'), another }
    },
    async inTenant(id) {
      const spaces = await baywire.sql`SELECT id, site_id FROM spaces WHERE tenant_id = ${id} ORDER BY code`
      const spaceIds = spaces.map((space) => String(space['id']))
      return { driver: person(id, 'driver'), siteId: String(spaces[0]?.['site_id']), spaceIds }
    },
    instance,
    async close() {
      await Promise.all(opened.map((tenants) => tenants.close()))
      await baywire.close()
    },
  }
}

async function call(
  app: Api,
  { token, method, path, options }: { token: string; method: string; path: string; options: CallOptions },
): Promise<Answer> {
  const { json, ifMatch, headers = {}, body } = options
  const response = await app.request(`/api/v1${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${token}`,
      ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(ifMatch ? { 'If-Match': ifMatch } : {}),
      ...headers,
    },
    ...(json === undefined ? (body === undefined ? {} : { body }) : { body: JSON.stringify(json) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('Content-Type')?.includes('json') === true
  return {
    status: response.status,
    headers: response.headers,
    etag: response.headers.get('ETag') ?? '',
    text,
    body: isJson && text !== '' ? JSON.parse(text) : undefined,
  }
}

/** A site, and spaces there. */
export async function makePlaces(
  owner: Caller,
  { site = 'main', spaces = [] }: { site?: string; spaces?: readonly string[] } = {},
): Promise<{ siteId: string; spaceIds: string[] }> {
  const made = await owner('POST', '/sites', { json: { code: site, name: site } })
  const siteId = String(made.body.id)
  const spaceIds: string[] = []
  for (const code of spaces) {
    // oxlint-disable-next-line no-await-in-loop -- in the order of their codes
    const space = await owner('POST', '/spaces', { json: { site_id: siteId, code, name: code } })
    spaceIds.push(String(space.body.id))
  }
  return { siteId, spaceIds }
}

/** What two answers have in common: all but the id of the request. */
export function withoutRequestId({ status, body }: Answer): unknown {
  return { status, body: { ...body, request_id: undefined, instance: undefined } }
}

/** The statuses of answers to the same request, the lowest first. */
export function statusesOf(answers: readonly Answer[]): number[] {
  return answers.map(({ status }) => status).toSorted((a, b) => a - b)
}
