import { newId } from '../../../src/ids.ts'
import type { Row } from '../../support/catalogue-rows.ts'
import type { WorldTenant } from '../../support/tenant-world.ts'
import type { Person } from './matrix-people.ts'

/**
 * What is sent to a route that a sample cannot be made up for from the OpenAPI document: one line for each, by `METHOD path`.
 *
 * Made up are: ids in the path from the word before them (`/sites/{id}` is a new row of `sites`), the body from its example,
 * in it `…_id` as ids of the tenant's rows (`site_id` of `sites`), `code` as a new one and `email` as a new address.
 */
export interface Sample {
  params?: Record<string, string>
  query?: Record<string, string>
  /** Sent as JSON, or as it is where a content type is named. */
  body?: unknown
  contentType?: string
  headers?: Record<string, string>
  /** What the owner of the tenant is answered, where it is not of 200 to 399; with a comment that says why. */
  expects?: number
  /** It is for people, or asks more of a key than the permission of the route: a key of that alone is refused. */
  refusesKeys?: boolean
}

export interface SampleWorld {
  tenant: WorldTenant
  /** Who sends it. */
  person: Person
  /** Adds a row to the tenant: a new one for each sample, since a request may change or delete it. */
  add(table: string, replace?: Row): Promise<Row>
}

export const samples: Record<string, (world: SampleWorld) => Promise<Sample> | Sample> = {
  'GET /api/v1/public/{tenant}/sites': ({ tenant }) => ({ params: { tenant: slugOf(tenant) } }),
  'GET /api/v1/public/{tenant}/availability': ({ tenant }) => ({ params: { tenant: slugOf(tenant) } }),
  'GET /api/v1/public/{tenant}/sites/{site}/spaces': ({ tenant }) => publicSite(tenant),
  'GET /api/v1/public/{tenant}/sites/{site}/availability': ({ tenant }) => publicSite(tenant),
  'GET /api/v1/public/{tenant}/sites/{site}/zones/availability': ({ tenant }) => publicSite(tenant),
  'GET /api/v1/public/{tenant}/sites/{site}/spaces.geojson': ({ tenant }) => publicSite(tenant),
  'GET /api/v1/public/{tenant}/spaces': ({ tenant }) => ({ params: { tenant: slugOf(tenant) } }),
  'GET /api/v1/public/{tenant}/sites.geojson': ({ tenant }) => ({ params: { tenant: slugOf(tenant) } }),
  'GET /api/v1/public/{tenant}/spaces.geojson': ({ tenant }) => ({ params: { tenant: slugOf(tenant) } }),
  'GET /docs/{file}': () => ({ params: { file: 'start.js' } }),
  'GET /problems/{type}': () => ({ params: { type: 'not-found' } }),

  // Right secrets, codes and tokens are of the tests of accounts and sessions: a made up one is refused.
  'POST /api/v1/auth/login': () => ({ expects: 401 }),
  'POST /api/v1/auth/refresh': () => ({ expects: 401 }),
  'POST /api/v1/auth/password/change': () => ({ expects: 400 }),
  'POST /api/v1/auth/password/reset': () => ({ expects: 400 }),
  'POST /api/v1/auth/email/verify/confirm': () => ({ expects: 400 }),
  'DELETE /api/v1/auth/sessions/{id}': async (world) => ({ params: { id: await ownSession(world) } }),

  // A made up ticket is none.
  'GET /api/v1/ws': () => ({ expects: 401 }),

  'POST /api/v1/auth/invites/lookup': () => ({ expects: 404 }),
  'POST /api/v1/auth/invites/accept': () => ({ expects: 404 }),
  // Its slug is not that of the tenant, which the other routes go on to need.
  'DELETE /api/v1/tenant': () => ({ body: { slug: 'another' }, expects: 400 }),

  // Of the installation, not of a tenant: for platform administrators.
  'POST /api/v1/jobs/{job}/run': () => ({ params: { job: 'books' }, expects: 403 }),
  'POST /api/v1/api-keys': () => ({ refusesKeys: true }),
  // A key gives only roles of which it has all permissions.
  'POST /api/v1/invites': () => ({ refusesKeys: true }),
  'PATCH /api/v1/members/{id}': () => ({ refusesKeys: true }),
  'POST /api/v1/spaces/import': ({ tenant }) => ({
    query: { site_id: String(tenant.rows.get('sites')?.['id']) },
    body: 'code,name\nIMPORTED-1,Imported\n',
    contentType: 'text/csv',
  }),
  'POST /api/v1/devices/{id}/rotate': async ({ add }) => ({ params: { id: await withCredential(add, 'devices') } }),
  'POST /api/v1/gateways/{id}/rotate': async ({ add }) => ({ params: { id: await withCredential(add, 'gateways') } }),
  'POST /api/v1/apps/{code}/rotate': async ({ add }) => ({ params: { code: await newApp(add) } }),
  // The readings of the world reached no space.
  'POST /api/v1/replays/dry-run': () => ({ body: { filter: {} } }),
  'POST /api/v1/reservations': (world) => newReservation(world),
  'GET /api/v1/reservations/{id}': (world) => ownReservation(world, 'confirmed'),
  'PUT /api/v1/reservations/{id}/confirm': (world) => ownReservation(world, 'pending'),
  'PUT /api/v1/reservations/{id}/cancel': (world) => ownReservation(world, 'confirmed'),
  'PUT /api/v1/reservations/{id}/check-in': (world) => ownReservation(world, 'active'),
  'PUT /api/v1/reservations/{id}/check-out': (world) => ownReservation(world, 'active'),
  'PUT /api/v1/reservations/{id}/move': (world) => ownReservation(world, 'confirmed'),
  'PUT /api/v1/reservations/{id}/extend': async (world) => ({
    ...(await ownReservation(world, 'confirmed')),
    body: { end: inHours(3) },
  }),
  'GET /api/v1/spaces/{id}/availability': () => ({ query: { from: inHours(0), to: inHours(1) } }),
  'GET /api/v1/dead-letters/{id}': async ({ add }) => {
    const { id } = await add('readings', { outcome: 'malformed', delivery: null })
    return { params: { id: String(id) } }
  },
  'POST /api/v1/apps/{code}/revoke': async ({ add }) => ({ params: { code: await newApp(add) } }),
}

/** Of another tenant it is another's. */
async function ownSession({ add, person: { principal }, tenant }: SampleWorld): Promise<string> {
  const own = principal.kind === 'user' && (principal.tenant === undefined || principal.tenant.id === tenant.id)
  const userId = own ? principal.userId : undefined
  const session = await add('sessions', userId === undefined ? {} : { user_id: userId })
  return String(session['id'])
}

async function withCredential(add: SampleWorld['add'], kind: 'devices' | 'gateways'): Promise<string> {
  const { id, code } = await add(kind)
  await add('credentials', { kind, code })
  return String(id)
}

/** No two at the same time: there are few spaces. */
let minutes = 0

function newReservation({ tenant }: SampleWorld): Sample {
  minutes += 2
  const site_id = tenant.rows.get('sites')?.['id']
  const body = { site_id, features: [], start: inHours(1 + minutes / 60), end: inHours(1 + (minutes + 1) / 60) }
  return { body, headers: { 'Idempotency-Key': newId() } }
}

/** At a space of its own, and a space has a state. */
async function ownReservation({ add, person: { principal } }: SampleWorld, state: string): Promise<Sample> {
  const { id: space_id } = await add('spaces')
  await add('space_states', { space_id })
  const holder =
    principal.kind === 'user'
      ? { holder_kind: 'user', holder_id: principal.userId }
      : { holder_kind: 'api_key', holder_id: principal.apiKeyId }
  const times = { starts_at: inHours(state === 'active' ? -0.1 : 1), ends_at: inHours(2) }
  const hold = state === 'pending' ? { hold_expires_at: inHours(1) } : {}
  const { id } = await add('reservations', { ...holder, ...times, ...hold, space_id, state })
  return { params: { id: String(id) } }
}

function inHours(hours: number): string {
  return new Date(Date.now() + hours * 3_600_000).toISOString()
}

async function newApp(add: SampleWorld['add']): Promise<string> {
  const { code } = await add('credentials', { kind: 'apps' })
  return String(code)
}

/** Words of paths whose rows are no tenant's: who may see one may see all. */
export const sharedWords: readonly string[] = ['jobs']

/** Words of paths whose rows are in a table of another name, and the column that their ids are. */
export const tablesOfWords: Record<string, { table: string; column?: string }> = {
  members: { table: 'memberships', column: 'user_id' },
  orphans: { table: 'orphan_devices', column: 'device' },
  jobs: { table: 'jobs', column: 'job' },
  'dead-letters': { table: 'readings' },
}

/** Fields of bodies and filters that name a row of another table than their word says. */
export const tablesOfFields: Record<string, string> = {
  user_id: 'users',
  space_id: 'spaces',
  site_id: 'sites',
  zone_id: 'zones',
  device_id: 'devices',
}

function slugOf(tenant: WorldTenant): string {
  return String(tenant.rows.get('tenants')?.['slug'])
}

function publicSite(tenant: WorldTenant): Sample {
  return { params: { tenant: slugOf(tenant), site: String(tenant.rows.get('sites')?.['code']) } }
}
