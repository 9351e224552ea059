import type { Found, FoundSite, FoundSpace } from '../live/search.ts'
import type { Counts, LiveSite, LiveSpace } from '../live/live-site.ts'
import type { ZoneRow } from '../store/live-places.ts'
import type { Page } from './cursor.ts'
import { countsBody, timeOf, type Face } from './faces.ts'

/** The bodies of answers from memory, put together of the texts of what is in them. */

export function availabilityText(found: readonly FoundSite[], { asOf, face }: Shown): string {
  const sites = found.map((one) => ({
    ...face.nameOfSite(one.item),
    ...countsBody(one.counts, asOf),
    ...distanceOf(one),
  }))
  return JSON.stringify({ as_of: timeOf(asOf), sites })
}

export function zonesText(zones: readonly { zone: ZoneRow; counts: Counts }[], { asOf, face }: Shown): string {
  const all = zones.map(({ zone, counts }) => ({ ...face.nameOfZone(zone), ...countsBody(counts, asOf) }))
  return JSON.stringify({ as_of: timeOf(asOf), zones: all })
}

export interface Shown {
  asOf: number | null
  face: Face
}

/** A page of a list; the objects are texts already. */
export function pageText({ items, next }: Page<string>): string {
  return `{"items":[${items.join(',')}],"next":${JSON.stringify(next)}}`
}

export function sitesPage({ items, next }: Page<Found<LiveSite>>, face: Face): string {
  return pageText({ items: items.map((found) => JSON.stringify(siteObject(found, face))), next })
}

/** @param named whether a space says at which site it is: not where all are at one that was asked for */
export function spacesPage({ items, next }: Page<FoundSpace>, { face, named }: { face: Face; named: boolean }): string {
  return pageText({ items: items.map((found) => spaceText(found, { face, named })), next })
}

/** RFC 7946: longitude first; what has no position has no geometry. `next` is a foreign member, as its section 6.1 allows. */
export function spacesGeoJson({ items, next }: Page<FoundSpace>, face: Face): string {
  const features = items.map((found) => featureText(found.item.place, spaceText(found, { face, named: true })))
  return collectionText({ items: features, next })
}

export function sitesGeoJson({ items, next }: Page<FoundSite>, { asOf, face }: Shown): string {
  const features = items.map((found) => {
    const { counts } = found
    const properties = { ...siteObject(found, face), ...countsBody(counts, asOf), as_of: timeOf(asOf) }
    return featureText(found.item, JSON.stringify(properties))
  })
  return collectionText({ items: features, next })
}

function collectionText({ items, next }: Page<string>): string {
  return `{"type":"FeatureCollection","features":[${items.join(',')}],"next":${JSON.stringify(next)}}`
}

function featureText({ lat, lon }: { lat: number | null; lon: number | null }, properties: string): string {
  const geometry = lat === null || lon === null ? 'null' : `{"type":"Point","coordinates":[${lon},${lat}]}`
  return `{"type":"Feature","geometry":${geometry},"properties":${properties}}`
}

function siteObject(found: Found<LiveSite>, face: Face): object {
  return { ...face.site(found.item), ...distanceOf(found) }
}

function spaceText(found: FoundSpace, { face, named }: { face: Face; named: boolean }): string {
  const text = face.space(found.item, found.site)
  const site = named ? `"site":${JSON.stringify(found.site.code)},` : ''
  const distance = found.distanceM === undefined ? '' : `,"distance_m":${Math.round(found.distanceM)}`
  return site === '' && distance === '' ? text : `{${site}${text.slice(1, -1)}${distance}}`
}

function distanceOf({ distanceM }: Found<LiveSite | LiveSpace>): object {
  return distanceM === undefined ? {} : { distance_m: Math.round(distanceM) }
}
