import { z } from '@hono/zod-openapi'
import { codePattern } from '../ids.ts'

/** What the public routes take and answer: the shapes of the OpenAPI document. */
const code = z.string().regex(codePattern)
const time = z.iso.datetime({ precision: 3 })
const status = z.enum(['free', 'occupied', 'reserved', 'blocked', 'out_of_service', 'unknown'])
const count = z.int().min(0)

const endOfYears = Date.UTC(10_000, 0, 1)

/** A time that somebody names, of the years that every part of us can write: past 9999 in UTC they get a sign and six digits. */
export const moment = z.iso
  .datetime({ offset: true, abort: true, error: 'must be a time, as 2026-11-20T14:05:00Z' })
  .refine((text) => Date.parse(text) >= 0 && Date.parse(text) < endOfYears, {
    error: 'must be a time from 1970 to 9999',
  })

export const tenantParam = z.object({
  tenant: code.openapi({ param: { name: 'tenant', in: 'path' }, description: "the tenant's slug", example: 'demo' }),
})
export const siteParam = tenantParam.extend({
  site: code.openapi({ param: { name: 'site', in: 'path' }, description: "the site's code", example: 'harbour' }),
})

/** Routes without parameters refuse all of them: a mistyped one is not ignored. */
export const noQuery = z.strictObject({})

const MOST_PER_PAGE = 1000
export const GIVEN_ONCE = 'must be given once'

export function pageQuery(defaultLimit: number) {
  return z.strictObject({
    limit: z
      .string({ error: GIVEN_ONCE })
      .refine((text) => /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= MOST_PER_PAGE, {
        error: `must be a whole number from 1 to ${MOST_PER_PAGE}`,
      })
      .transform(Number)
      .default(defaultLimit)
      .openapi({
        type: 'integer',
        minimum: 1,
        maximum: MOST_PER_PAGE,
        default: defaultLimit,
        description: 'most items of this page',
        example: 100,
      }),
    cursor: z.string({ error: GIVEN_ONCE }).optional().openapi({
      description: '`next` of the page before, unchanged',
      example: 'c2l0ZXM6aGFyYm91cg',
    }),
  })
}

const next = z
  .string()
  .nullable()
  .openapi({ description: 'cursor of the next page; null on the last one', example: null })

const site = z
  .object({
    code,
    name: z.string(),
    lat: z.number().nullable().openapi({ description: 'degrees north, WGS 84' }),
    lon: z.number().nullable().openapi({ description: 'degrees east, WGS 84' }),
    total: count.openapi({ description: 'all spaces of the site' }),
  })
  .openapi('PublicSite', { example: { code: 'harbour', name: 'Harbour', lat: 53.5461, lon: 9.9661, total: 120 } })

const space = z
  .object({
    code,
    name: z.string(),
    level: z.string().nullable(),
    status: status.openapi({ description: 'what people see: the highest of override, reservation and occupancy' }),
    occupancy: z.enum(['unknown', 'vacant', 'occupied']).openapi({ description: 'what the sensor last confirmed' }),
    stale: z.boolean().openapi({ description: 'the sensor has been silent for longer than it should' }),
    since: time.nullable().openapi({ description: 'since when the status holds, by the evidence' }),
    observed_at: time.nullable().openapi({ description: 'time of the newest evidence' }),
    lat: z.number().nullable(),
    lon: z.number().nullable(),
    features: z.array(z.string()).openapi({ description: 'such as `ev` or `disabled`' }),
  })
  .openapi('PublicSpace', {
    example: {
      code: 'A-017',
      name: 'A 17',
      level: '0',
      status: 'free',
      occupancy: 'vacant',
      stale: false,
      since: '2026-11-20T08:15:04.120Z',
      observed_at: '2026-11-20T09:00:00.000Z',
      lat: 53.5462,
      lon: 9.9663,
      features: ['ev'],
    },
  })

export const distance = count
  .optional()
  .openapi({ description: 'from `near`, in metres; only where that was asked for' })
const position = z.object({ type: z.literal('Point'), coordinates: z.tuple([z.number(), z.number()]) }).nullable()

/** GeoJSON, as RFC 7946 has it. */
export function featureCollection<Properties extends z.ZodType>(properties: Properties) {
  const feature = z.object({ type: z.literal('Feature'), geometry: position, properties })
  return z.object({ type: z.literal('FeatureCollection'), features: z.array(feature), next })
}

export const sitePage = z
  .object({ items: z.array(site.extend({ distance_m: distance })), next })
  .openapi('PublicSitePage')
const foundSpace = space.extend({ distance_m: distance })
export const spacePage = z.object({ items: z.array(foundSpace), next }).openapi('PublicSpacePage')

const spaceOfTenant = foundSpace.extend({ site: code })
export const tenantSpacePage = z.object({ items: z.array(spaceOfTenant), next }).openapi('PublicTenantSpacePage')
export const spacesGeoJson = featureCollection(spaceOfTenant).openapi('PublicSpacesGeoJson')

/** Counts of some spaces, with the word that names what they are of. */
export const counts = {
  total: count,
  status: z.object({
    free: count,
    occupied: count,
    reserved: count,
    blocked: count,
    out_of_service: count,
    unknown: count,
  }),
  stale: count.openapi({ description: 'spaces whose sensor is silent, whatever their status' }),
  free: z.object({
    known: count.openapi({ description: 'free by fresh evidence' }),
    possible: count.openapi({ description: 'the known ones, and those of which nothing (fresh) is known' }),
  }),
  oldest_evidence_s: count
    .nullable()
    .openapi({ description: 'age of the oldest evidence at `as_of`, in seconds; null where nothing was ever heard' }),
}
export const asOf = time.nullable().openapi({ description: 'when the last event or evidence was taken in' })

export const availability = z
  .object({
    as_of: asOf,
    sites: z.array(z.object({ site: code, ...counts, distance_m: distance })),
  })
  .openapi('Availability', {
    example: {
      as_of: '2026-11-20T09:00:00.250Z',
      sites: [
        {
          site: 'harbour',
          total: 120,
          status: { free: 41, occupied: 70, reserved: 3, blocked: 1, out_of_service: 1, unknown: 4 },
          stale: 2,
          free: { known: 41, possible: 45 },
          oldest_evidence_s: 86_112,
        },
      ],
    },
  })

export const zoneAvailability = z
  .object({ as_of: asOf, zones: z.array(z.object({ zone: code, ...counts })) })
  .openapi('ZoneAvailability')
export const sitesGeoJson = featureCollection(site.extend({ ...counts, as_of: asOf, distance_m: distance })).openapi(
  'PublicSitesGeoJson',
)

export const readinessBody = z
  .object({ ready: z.boolean(), parts: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string() })) })
  .openapi('Readiness', { example: { ready: true, parts: { postgres: { ok: true, detail: 'answers' } } } })

export const problemBody = z
  .object({
    type: z.string().openapi({ description: 'which problem this is: stable' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().openapi({ description: 'the path that was asked for' }),
    request_id: z.string().openapi({ description: 'also in `X-Request-Id`: finds the request in the log' }),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem', {
    example: {
      type: '/problems/invalid-input',
      title: 'Invalid input',
      status: 400,
      detail: 'Wrong query parameters: see errors.',
      instance: '/api/v1/public/demo/sites',
      request_id: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55',
      errors: [{ path: 'limit', message: 'must be a whole number from 1 to 1000' }],
    },
  })
