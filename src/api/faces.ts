import type { Counts, LiveSite, LiveSpace } from '../live/live-site.ts'
import type { ZoneRow } from '../store/live-places.ts'

/**
 * How places are shown: to anybody by their codes, to those of the tenant by id and code, with all three facts. A space's text is
 * made once for each of its states.
 */
export interface Face {
  /** The JSON object of a space. */
  space: (space: LiveSpace, site: LiveSite) => string
  /** The JSON object of a site. */
  site: (site: LiveSite) => object
  /** What names a site, a zone, before its counts. */
  nameOfSite: (site: LiveSite) => object
  nameOfZone: (zone: ZoneRow) => object
}

export const publicFace: Face = {
  space: keptText(({ place, state }) => ({
    code: place.code,
    name: place.name,
    level: place.level,
    status: state.status,
    occupancy: state.occupancy,
    stale: state.stale,
    since: timeOf(state.since),
    observed_at: timeOf(state.observedAt),
    lat: place.lat,
    lon: place.lon,
    features: place.features,
  })),
  site: ({ code, name, lat, lon, spaces }) => ({ code, name, lat, lon, total: spaces.length }),
  nameOfSite: ({ code }) => ({ site: code }),
  nameOfZone: ({ code }) => ({ zone: code }),
}

export const privateFace: Face = {
  space: keptText(({ place, state }) => ({
    id: place.id,
    site_id: place.siteId,
    zone_id: place.zoneId,
    code: place.code,
    name: place.name,
    level: place.level,
    status: state.status,
    occupancy: state.occupancy,
    reservation: state.reservation,
    override: state.override,
    stale: state.stale,
    since: timeOf(state.since),
    observed_at: timeOf(state.observedAt),
    version: state.version,
    lat: place.lat,
    lon: place.lon,
    features: place.features,
  })),
  site: ({ id, code, name, lat, lon, spaces }) => ({ id, code, name, lat, lon, total: spaces.length }),
  nameOfSite: ({ id, code }) => ({ site_id: id, site: code }),
  nameOfZone: ({ id, code, siteId }) => ({ zone_id: id, zone: code, site_id: siteId }),
}

/** @param asOf of the tenant: ages are counted at it */
export function countsBody({ total, status, stale, oldestEvidenceAt }: Counts, asOf: number | null): object {
  return {
    total,
    status,
    stale,
    // A stale vacant space has the status `unknown`, so nothing is counted twice.
    free: { known: status.free, possible: status.free + status.unknown },
    oldest_evidence_s: ageSeconds(oldestEvidenceAt, asOf),
  }
}

export function timeOf(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString()
}

/** Evidence may be a little ahead of us, as far as a device's clock is trusted: that is an age of 0. */
function ageSeconds(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : Math.max(0, Math.floor((to - from) / 1000))
}

function keptText(bodyOf: (space: LiveSpace) => object): (space: LiveSpace) => string {
  const texts = new WeakMap<LiveSpace, string>()
  return (space) => {
    let text = texts.get(space)
    if (text === undefined) {
      text = JSON.stringify(bodyOf(space))
      texts.set(space, text)
    }
    return text
  }
}
