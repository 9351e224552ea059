import type { Status } from '../occupancy/state.ts'
import { distanceM, isInBox, mayBeWithin, pointOf, type Box, type Point } from './geo.ts'
import { countSpaces, type Counts, type LiveSite, type LiveSpace } from './live-site.ts'

/** Where to look; both must hold. */
export interface Area {
  readonly near?: { readonly point: Point; readonly radiusM: number } | undefined
  readonly box?: Box | undefined
}

/** What a space must be; all must hold. */
export interface Wanted {
  /** All of these. */
  readonly features?: readonly string[] | undefined
  readonly level?: string | undefined
  readonly zoneId?: string | undefined
  /** One of these. */
  readonly statuses?: readonly Status[] | undefined
  /** Known by fresh evidence, or possible, because nothing fresh is known. */
  readonly free?: 'known' | 'possible' | undefined
}

export interface Found<Item> {
  readonly item: Item
  /** From the point that was asked about, in metres; undefined where none was. */
  readonly distanceM: number | undefined
}

export interface FoundSpace extends Found<LiveSpace> {
  readonly site: LiveSite
}

export interface FoundSite extends Found<LiveSite> {
  readonly counts: Counts
}

/** The spaces that fit: the nearest first, otherwise by the codes of site and space. One without a position is where its site is. */
export function findSpaces(sites: readonly LiveSite[], { area, wanted }: { area: Area; wanted: Wanted }): FoundSpace[] {
  const found: FoundSpace[] = []
  for (const site of sites) {
    const itsPoint = pointOf(site)
    for (const space of site.spaces) {
      if (!fits(space, wanted)) continue
      const distance = distanceIn(area, pointOf(space.place) ?? itsPoint)
      if (distance !== outside) found.push({ item: space, site, distanceM: distance })
    }
  }
  return area.near === undefined ? found : found.toSorted(nearestFirst)
}

/** The sites that lie there, with the counts of the spaces that fit; where spaces must fit, those without any are left out. */
export function findSites(sites: readonly LiveSite[], { area, wanted }: { area: Area; wanted: Wanted }): FoundSite[] {
  const found: FoundSite[] = []
  const any = wantsAny(wanted)
  for (const site of sites) {
    const distance = distanceIn(area, pointOf(site))
    if (distance === outside) continue
    const counts = countsOf(site, wanted)
    if (any || counts.total > 0) found.push({ item: site, counts, distanceM: distance })
  }
  return area.near === undefined ? found : found.toSorted(nearestFirst)
}

export function countsOf(site: LiveSite, wanted: Wanted): Counts {
  return wantsAny(wanted) ? site.counts : countSpaces(site.spaces.filter((space) => fits(space, wanted)))
}

function wantsAny(wanted: Wanted): boolean {
  return Object.values(wanted).every((value) => value === undefined)
}

function fits({ place, state }: LiveSpace, { features, level, zoneId, statuses, free }: Wanted): boolean {
  if (level !== undefined && place.level !== level) return false
  if (zoneId !== undefined && place.zoneId !== zoneId) return false
  if (statuses !== undefined && !statuses.includes(state.status)) return false
  // A stale vacant space has the status `unknown`.
  if (free !== undefined && state.status !== 'free' && !(free === 'possible' && state.status === 'unknown'))
    return false
  return features === undefined || features.every((feature) => place.features.includes(feature))
}

const outside = Symbol('outside')

function distanceIn({ near, box }: Area, point: Point | undefined): number | undefined | typeof outside {
  if (near === undefined && box === undefined) return undefined
  if (point === undefined || (box !== undefined && !isInBox(point, box))) return outside
  if (near === undefined) return undefined
  if (!mayBeWithin(near.point, point, near.radiusM)) return outside
  const distance = distanceM(near.point, point)
  return distance > near.radiusM ? outside : distance
}

/** In whole metres, as they are shown; as far as another: in the order of the codes, which the sort keeps. */
function nearestFirst(a: Found<unknown>, b: Found<unknown>): number {
  return Math.round(a.distanceM ?? 0) - Math.round(b.distanceM ?? 0)
}
