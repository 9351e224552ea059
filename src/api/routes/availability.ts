import type { Context } from 'hono'
import { requirePermission } from '../../auth/principal.ts'
import type { LiveSite } from '../../live/live-site.ts'
import type { TenantView } from '../../live/tenant-view.ts'
import type { Views } from '../../live/views.ts'
import { Refusal } from '../../refusal.ts'
import type { Api } from '../app.ts'
import { answerWith } from '../conditional.ts'
import type { ApiEnv } from '../context.ts'
import { privateFace } from '../faces.ts'
import { PlaceAnswers } from '../place-answers.ts'
import { actorOf } from '../signed-in.ts'
import { withinTime } from '../time-limit.ts'
import {
  availabilityRoute,
  siteAvailabilityRoute,
  sitesGeoJsonRoute,
  siteZonesAvailabilityRoute,
  spacesGeoJsonRoute,
  spacesRoute,
  zoneAvailabilityRoute,
} from './availability-descriptions.ts'

/** Availability for those who are signed in, from memory: they read it, so that there is no verb beyond the check of their right. */
export interface AvailabilityRoutesOptions {
  views: Pick<Views, 'of'>
  databaseWaitMs: number
}

const geoJson = 'application/geo+json'

export function addAvailabilityRoutes(app: Api, options: AvailabilityRoutesOptions): void {
  const answers = new PlaceAnswers(privateFace)
  addCounts(app, options, answers)
  addZones(app, options, answers)
  addSpaces(app, options, answers)
}

function addCounts(app: Api, options: AvailabilityRoutesOptions, answers: PlaceAnswers): void {
  app.openapi(availabilityRoute, async (c) => {
    const asked = c.req.valid('query')
    const view = await ownView(c, options)
    return answerWith(c, isEmpty(asked) ? answers.allCounts(view) : answers.counts(view, asked))
  })

  app.openapi(siteAvailabilityRoute, async (c) => {
    const asked = c.req.valid('query')
    const view = await ownView(c, options)
    const site = found(view.siteById(c.req.valid('param').id))
    return answerWith(c, isEmpty(asked) ? answers.countsOfSite(view, site) : answers.countsIn(view, site, asked))
  })

  app.openapi(sitesGeoJsonRoute, async (c) => {
    const view = await ownView(c, options)
    return answerWith(c, answers.sitesOnMap(view, c.req.valid('query')), geoJson)
  })
}

function addZones(app: Api, options: AvailabilityRoutesOptions, answers: PlaceAnswers): void {
  app.openapi(siteZonesAvailabilityRoute, async (c) => {
    const view = await ownView(c, options)
    const site = found(view.siteById(c.req.valid('param').id))
    return answerWith(c, answers.zones(view, { ...c.req.valid('query'), site, zones: site.zones }))
  })

  app.openapi(zoneAvailabilityRoute, async (c) => {
    const view = await ownView(c, options)
    const zone = found(view.zone(c.req.valid('param').id))
    const site = found(view.siteById(zone.siteId))
    return answerWith(c, answers.zones(view, { ...c.req.valid('query'), site, zones: [zone] }))
  })
}

function addSpaces(app: Api, options: AvailabilityRoutesOptions, answers: PlaceAnswers): void {
  app.openapi(spacesRoute, async (c) => {
    const { site_id: siteId, zone_id: zoneId, ...asked } = c.req.valid('query')
    const sites = sitesOf(await ownView(c, options), siteId)
    return answerWith(c, answers.spaces(sites, { ...asked, zoneId, named: true }))
  })

  app.openapi(spacesGeoJsonRoute, async (c) => {
    const { site_id: siteId, zone_id: zoneId, ...asked } = c.req.valid('query')
    const sites = sitesOf(await ownView(c, options), siteId)
    return answerWith(c, answers.spacesOnMap(sites, { ...asked, zoneId }), geoJson)
  })
}

async function ownView(c: Context<ApiEnv>, { views, databaseWaitMs }: AvailabilityRoutesOptions): Promise<TenantView> {
  const actor = actorOf(c)
  requirePermission(actor, 'places:read')
  return found(await withinTime(views.of(actor.tenantId), databaseWaitMs))
}

/** A filter that nothing fits: as unknown as any other. */
function sitesOf(view: TenantView, siteId: string | undefined): readonly LiveSite[] {
  if (siteId === undefined) return view.sites
  const site = view.siteById(siteId)
  return site === undefined ? [] : [site]
}

function isEmpty(asked: object): boolean {
  return Object.values(asked).every((value) => value === undefined)
}

/** Another tenant's is as unknown as one that does not exist. */
function found<Item>(item: Item | undefined): Item {
  if (item === undefined) throw new Refusal('not_found', 'There is none with this id.')
  return item
}
