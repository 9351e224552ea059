import type { SiteNow, SpaceNow } from '../store/outbox.ts'

/** What is published of a space: the shape of DESIGN.md, section 3. */
export function statePayload({ since, observedAt, ...space }: SpaceNow): Buffer {
  const { status, occupancy, reservation, override, stale, version } = space
  return Buffer.from(
    JSON.stringify({
      status,
      occupancy,
      reservation,
      override,
      stale,
      since: since?.toISOString() ?? null,
      observed_at: observedAt?.toISOString() ?? null,
      version,
    }),
  )
}

/** What is published of a site: as the public API answers it for this site alone. */
export function availabilityPayload({ code, asOf, total, status, stale, oldestEvidenceAt }: SiteNow): Buffer {
  const site = {
    site: code,
    total,
    status,
    stale,
    free: { known: status.free, possible: status.free + status.unknown },
    oldest_evidence_s: ageSeconds(oldestEvidenceAt, asOf),
  }
  return Buffer.from(JSON.stringify({ as_of: asOf?.toISOString() ?? null, sites: [site] }))
}

/** Evidence may be a little ahead of us, as far as a device's clock is trusted: that is an age of 0. */
function ageSeconds(from: Date | null, to: Date | null): number | null {
  return from === null || to === null ? null : Math.max(0, Math.floor((to.getTime() - from.getTime()) / 1000))
}
