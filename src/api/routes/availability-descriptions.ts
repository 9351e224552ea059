import { createRoute, z } from '@hono/zod-openapi'
import { areaQuery, kindQuery, stateQuery } from '../place-query.ts'
import { notModified, revalidated, revalidatedGeoJson } from '../responses.ts'
import { asOf, counts, distance, featureCollection, pageQuery } from '../schemas.ts'
import { code, exampleId, guardedBy, id, idParam, next, readFailures, status, time } from './place-schemas.ts'

/** Availability for those who are signed in, as the OpenAPI document has it: as for anybody, with ids and all three facts. */
const PREFIX = '/api/v1'
const SITES_PER_PAGE = 100
const SPACES_PER_PAGE = 100

const site = z.object({ site_id: id, site: code, ...counts, distance_m: distance })
const availability = z.object({ as_of: asOf, sites: z.array(site) }).openapi('OwnAvailability', {
  example: {
    as_of: '2026-11-20T09:00:00.250Z',
    sites: [
      {
        site_id: exampleId,
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
const zones = z
  .object({ as_of: asOf, zones: z.array(z.object({ zone_id: id, zone: code, site_id: id, ...counts })) })
  .openapi('OwnZoneAvailability')

const space = z
  .object({
    site: code,
    id,
    site_id: id,
    zone_id: id.nullable(),
    code,
    name: z.string(),
    level: z.string().nullable(),
    status,
    occupancy: z.enum(['unknown', 'vacant', 'occupied']),
    reservation: z.enum(['none', 'soon', 'active']),
    override: z.enum(['none', 'blocked', 'out_of_service']),
    stale: z.boolean(),
    since: time.nullable(),
    observed_at: time.nullable(),
    version: z.int().min(0).openapi({ description: 'how many times something visible changed' }),
    lat: z.number().nullable(),
    lon: z.number().nullable(),
    features: z.array(z.string()),
    distance_m: distance,
  })
  .openapi('LiveSpace')
const spacePage = z.object({ items: z.array(space), next }).openapi('LiveSpacePage')
const siteOnMap = z.object({
  id,
  code,
  name: z.string(),
  lat: z.number().nullable(),
  lon: z.number().nullable(),
  ...counts,
  as_of: asOf,
  distance_m: distance,
})

const common = {
  ...guardedBy('places:read'),
  method: 'get' as const,
  tags: ['availability'],
}
const spacesQuery = pageQuery(SPACES_PER_PAGE).extend({
  ...areaQuery,
  ...kindQuery,
  ...stateQuery,
  site_id: id.optional().openapi({ description: 'of this site alone' }),
  zone_id: id.optional().openapi({ description: 'of this zone alone' }),
})
const countsQuery = z.strictObject(kindQuery)

export const availabilityRoute = createRoute({
  ...common,
  path: `${PREFIX}/availability`,
  summary: 'Counts of all sites, or of those in an area',
  description:
    'From memory, as of `as_of`. With `features` or `level`, only spaces that fit are counted, and sites without any are left out.',
  request: { query: z.strictObject({ ...areaQuery, ...kindQuery }) },
  responses: { 200: revalidated(availability, 'the counts, site by site'), 304: notModified, ...readFailures },
})

export const siteAvailabilityRoute = createRoute({
  ...common,
  path: `${PREFIX}/sites/{id}/availability`,
  summary: 'Counts of one site',
  description: '`as_of` is that of the whole tenant.',
  request: { params: idParam("the site's id"), query: countsQuery },
  responses: { 200: revalidated(availability, 'the counts of this site'), 304: notModified, ...readFailures },
})

export const siteZonesAvailabilityRoute = createRoute({
  ...common,
  path: `${PREFIX}/sites/{id}/zones/availability`,
  summary: 'Counts of the zones of a site',
  description: 'Ordered by code. Spaces in no zone are counted in none.',
  request: { params: idParam("the site's id"), query: countsQuery },
  responses: { 200: revalidated(zones, 'the counts, zone by zone'), 304: notModified, ...readFailures },
})

export const zoneAvailabilityRoute = createRoute({
  ...common,
  path: `${PREFIX}/zones/{id}/availability`,
  summary: 'Counts of one zone',
  request: { params: idParam("the zone's id"), query: countsQuery },
  responses: { 200: revalidated(zones, 'the counts of this zone'), 304: notModified, ...readFailures },
})

export const spacesRoute = createRoute({
  ...common,
  path: `${PREFIX}/availability/spaces`,
  summary: 'Spaces by where they are, what they have and their state',
  description:
    'From memory. Ordered by the codes of site and space; the nearest first with `near`. A space without a position of its own is where its site is.',
  request: { query: spacesQuery },
  responses: { 200: revalidated(spacePage, 'a page of spaces'), 304: notModified, ...readFailures },
})

export const sitesGeoJsonRoute = createRoute({
  ...common,
  path: `${PREFIX}/availability/sites.geojson`,
  summary: 'Sites and their counts, as GeoJSON',
  description: 'As RFC 7946 has it, and `next` as in lists. A site without a position has no geometry.',
  request: { query: pageQuery(SITES_PER_PAGE).extend({ ...areaQuery, ...kindQuery }) },
  responses: {
    200: revalidatedGeoJson(featureCollection(siteOnMap).openapi('SitesGeoJson'), 'a page of sites'),
    304: notModified,
    ...readFailures,
  },
})

export const spacesGeoJsonRoute = createRoute({
  ...common,
  path: `${PREFIX}/availability/spaces.geojson`,
  summary: 'Spaces with their state, as GeoJSON',
  description: 'As RFC 7946 has it, and `next` as in lists. A space without a position of its own has no geometry.',
  request: { query: spacesQuery },
  responses: {
    200: revalidatedGeoJson(featureCollection(space).openapi('SpacesGeoJson'), 'a page of spaces'),
    304: notModified,
    ...readFailures,
  },
})
