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
}

/** Words of paths whose rows are in a table of another name, and the column that their ids are. */
export const tablesOfWords: Record<string, { table: string; column?: string }> = {
  members: { table: 'memberships', column: 'user_id' },
  orphans: { table: 'orphan_devices' },
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
