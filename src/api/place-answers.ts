import type { LiveSite } from '../live/live-site.ts'
import { countsOf, findSites, findSpaces, type FoundSite, type FoundSpace, type Wanted } from '../live/search.ts'
import type { TenantView } from '../live/tenant-view.ts'
import type { ZoneRow } from '../store/live-places.ts'
import type { Page } from './cursor.ts'
import type { Face } from './faces.ts'
import { bodyOf, KeptBodies, type KeptBody } from './kept-bodies.ts'
import { availabilityText, sitesGeoJson, sitesPage, spacesGeoJson, spacesPage, zonesText } from './live-bodies.ts'
import { pageOfFound } from './place-cursor.ts'
import { areaOf, wantedOf, type AskedArea, type AskedKind } from './place-query.ts'

interface AskedPage {
  limit: number
  cursor?: string | undefined
}

/** Most spaces of a first page that is kept. */
const KEPT_SPACES = 1000
const KEPT_SITES = 100
const everything: Wanted = {}

/**
 * What is answered from the memory of a tenant, in one of its faces. Bodies that everybody asks for are made once for each
 * change; what is searched for is made for who searches.
 */
export class PlaceAnswers {
  readonly #face: Face
  readonly #kept = new KeptBodies()

  constructor(face: Face) {
    this.#face = face
  }

  /** The first page of all sites: it changes with the places alone. */
  allSites(view: TenantView): KeptBody {
    const kept = { of: view.sites, name: 'sites', revision: view.placesVersion }
    return this.#kept.get(kept, () => sitesPage(this.#sites(view, { limit: KEPT_SITES }), this.#face))
  }

  allCounts(view: TenantView): KeptBody {
    return this.#kept.get({ of: view, name: 'counts', revision: view.revision }, () => this.#countsText(view, {}))
  }

  countsOfSite(view: TenantView, site: LiveSite): KeptBody {
    return this.#kept.get({ of: site, name: 'counts', revision: view.revision }, () => {
      return this.#siteCountsText(view, site, everything)
    })
  }

  allSpaces(site: LiveSite): KeptBody {
    return this.#kept.get({ of: site, name: 'spaces', revision: site.revision }, () => {
      return this.#spacesText([site], { limit: KEPT_SPACES })
    })
  }

  sites(view: TenantView, asked: AskedPage & AskedArea): KeptBody {
    return bodyOf(sitesPage(this.#sites(view, asked), this.#face))
  }

  counts(view: TenantView, asked: AskedArea & AskedKind): KeptBody {
    return bodyOf(this.#countsText(view, asked))
  }

  countsIn(view: TenantView, site: LiveSite, asked: AskedKind): KeptBody {
    return bodyOf(this.#siteCountsText(view, site, wantedOf(asked)))
  }

  zones(view: TenantView, asked: AskedKind & { site: LiveSite; zones: readonly ZoneRow[] }): KeptBody {
    const wanted = wantedOf(asked)
    const zones = asked.zones.map((zone) => ({ zone, counts: countsOf(asked.site, { ...wanted, zoneId: zone.id }) }))
    return bodyOf(zonesText(zones, { asOf: view.asOf, face: this.#face }))
  }

  /** Of one site that was asked for, or of all of them: then each space says where it is. */
  spaces(sites: readonly LiveSite[], asked: AskedPage & AskedArea & AskedKind & { named: boolean }): KeptBody {
    return bodyOf(this.#spacesText(sites, asked))
  }

  spacesOnMap(sites: readonly LiveSite[], asked: AskedPage & AskedArea & AskedKind): KeptBody {
    return bodyOf(spacesGeoJson(this.#spaces(sites, asked), this.#face))
  }

  sitesOnMap(view: TenantView, asked: AskedPage & AskedArea & AskedKind): KeptBody {
    return bodyOf(sitesGeoJson(this.#sites(view, asked), { asOf: view.asOf, face: this.#face }))
  }

  #countsText(view: TenantView, asked: AskedArea & AskedKind): string {
    const found = findSites(view.sites, { area: areaOf(asked), wanted: wantedOf(asked) })
    return availabilityText(found, { asOf: view.asOf, face: this.#face })
  }

  #siteCountsText(view: TenantView, site: LiveSite, wanted: Wanted): string {
    const found = { item: site, counts: countsOf(site, wanted), distanceM: undefined }
    return availabilityText([found], { asOf: view.asOf, face: this.#face })
  }

  #spacesText(sites: readonly LiveSite[], asked: AskedPage & AskedArea & AskedKind & { named?: boolean }): string {
    return spacesPage(this.#spaces(sites, asked), { face: this.#face, named: asked.named ?? false })
  }

  #sites(view: TenantView, asked: AskedPage & AskedArea & AskedKind): Page<FoundSite> {
    const area = areaOf(asked)
    return pageOfFound(findSites(view.sites, { area, wanted: wantedOf(asked) }), {
      list: 'sites',
      near: area.near !== undefined,
      limit: asked.limit,
      cursor: asked.cursor,
      codesOf: ({ item }) => [item.code],
    })
  }

  #spaces(
    sites: readonly LiveSite[],
    asked: AskedPage & AskedArea & AskedKind & { named?: boolean },
  ): Page<FoundSpace> {
    const area = areaOf(asked)
    const ofTenant = asked.named ?? true
    return pageOfFound(findSpaces(sites, { area, wanted: wantedOf(asked) }), {
      list: ofTenant ? 'tenant-spaces' : 'spaces',
      near: area.near !== undefined,
      limit: asked.limit,
      cursor: asked.cursor,
      codesOf: ({ item, site }) => (ofTenant ? [site.code, item.place.code] : [item.place.code]),
    })
  }
}
