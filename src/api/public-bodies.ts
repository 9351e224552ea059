import type { Availability, PublicSpace, SiteAvailability } from '../store/public.ts'

/** Rows of the store as the public routes answer them: the names and units of the API. */
export function spaceBody({ since, observedAt, ...space }: PublicSpace) {
  return { ...space, since: since?.toISOString() ?? null, observed_at: observedAt?.toISOString() ?? null }
}

export function availabilityBody({ asOf, sites }: Availability) {
  return { as_of: asOf?.toISOString() ?? null, sites: sites.map((site) => siteCounts(site, asOf)) }
}

function siteCounts({ site, total, status, stale, oldestEvidenceAt }: SiteAvailability, asOf: Date | null) {
  return {
    site,
    total,
    status,
    stale,
    // A stale vacant space has the status `unknown`, so nothing is counted twice.
    free: { known: status.free, possible: status.free + status.unknown },
    oldest_evidence_s: ageSeconds(oldestEvidenceAt, asOf),
  }
}

/** Evidence may be a little ahead of us, as far as a device's clock is trusted: that is an age of 0. */
function ageSeconds(from: Date | null, to: Date | null): number | null {
  return from === null || to === null ? null : Math.max(0, Math.floor((to.getTime() - from.getTime()) / 1000))
}
