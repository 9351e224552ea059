import type { RecordedEvent } from '../store/events.ts'
import type { LiveState, PlacesSnapshot, SiteRow, SpaceRow, StateRow, ZoneRow } from '../store/live-places.ts'
import { LiveSite, type LiveSpace } from './live-site.ts'

/**
 * All places of one tenant with what people see of them, in memory. It is given a snapshot, then events and rows of states in any
 * order and as often as may be: of each space the newest stays, which its `version` tells. Codes order it.
 */
export class TenantView {
  readonly tenantId: string
  #sites: readonly LiveSite[] = []
  #sitesByCode = new Map<string, LiveSite>()
  #sitesById = new Map<string, LiveSite>()
  #zones = new Map<string, ZoneRow>()
  #sitesOfSpaces = new Map<string, LiveSite>()
  #asOf: number | null = null
  #placesVersion = 0
  #revision = 0

  constructor(tenantId: string, snapshot: PlacesSnapshot) {
    this.tenantId = tenantId
    this.replace(snapshot)
  }

  get sites(): readonly LiveSite[] {
    return this.#sites
  }

  /** When the last event or evidence that is in here was taken in. */
  get asOf(): number | null {
    return this.#asOf
  }

  /** Of the places that are in here, as `tenants.places_version`. */
  get placesVersion(): number {
    return this.#placesVersion
  }

  /** Another one whenever anything has changed: what was made of it is good for one revision. */
  get revision(): number {
    return this.#revision
  }

  get spaces(): number {
    return this.#sitesOfSpaces.size
  }

  siteByCode(code: string): LiveSite | undefined {
    return this.#sitesByCode.get(code)
  }

  siteById(id: string): LiveSite | undefined {
    return this.#sitesById.get(id)
  }

  zone(id: string): ZoneRow | undefined {
    return this.#zones.get(id)
  }

  /** Takes over a newer snapshot as a whole. */
  replace({ placesVersion, asOf, sites, zones, spaces }: PlacesSnapshot): void {
    const zonesOf = groupedBySite(zones)
    const spacesOf = groupedBySite(spaces)
    const live = sites.map((site) => siteOf(site, zonesOf.get(site.id) ?? [], spacesOf.get(site.id) ?? []))
    this.#sites = live.toSorted(byCode)
    this.#sitesByCode = new Map(live.map((site) => [site.code, site]))
    this.#sitesById = new Map(live.map((site) => [site.id, site]))
    this.#zones = new Map(zones.map((zone) => [zone.id, zone]))
    this.#sitesOfSpaces = new Map(live.flatMap((site) => site.spaces.map(({ place }) => [place.id, site] as const)))
    this.#placesVersion = placesVersion
    this.#asOf = asOf
    this.#revision += 1
  }

  /** Events of spaces that are not in here are of places that were read before, or will be read anew. */
  applyEvents(events: readonly RecordedEvent[]): void {
    for (const { spaceId, recordedAt, state } of events) {
      const { since, observed_at: observedAt, ...facts } = state
      const live = { ...facts, since: timeOf(since), observedAt: timeOf(observedAt) }
      this.#sitesOfSpaces.get(spaceId)?.put(spaceId, live, (known) => live.version > known.version)
      this.#takenIn(recordedAt.getTime())
    }
    this.#revision += 1
  }

  /**
   * Rows that were read later than all that were given before. One of the same version is newer too: evidence that
   * changes nothing raises none. Returns whether anything is another.
   */
  applyStates(rows: readonly StateRow[]): boolean {
    let changed = false
    for (const { spaceId, updatedAt, ...live } of rows) {
      const isNewer = (known: LiveState) => live.version >= known.version && !isSame(live, known)
      const put = this.#sitesOfSpaces.get(spaceId)?.put(spaceId, live, isNewer) ?? false
      changed = this.#takenIn(updatedAt) || put || changed
    }
    if (changed) this.#revision += 1
    return changed
  }

  #takenIn(at: number): boolean {
    if (this.#asOf !== null && this.#asOf >= at) return false
    this.#asOf = at
    return true
  }
}

/** What a space is that was never heard. */
const neverHeard: LiveState = {
  status: 'unknown',
  occupancy: 'unknown',
  reservation: 'none',
  override: 'none',
  stale: false,
  since: null,
  observedAt: null,
  version: 0,
}

function siteOf(site: SiteRow, zones: readonly ZoneRow[], rows: readonly SpaceRow[]): LiveSite {
  const spaces = rows.map(({ state, ...place }): LiveSpace => ({ place, state: state ?? neverHeard }))
  return new LiveSite(site, {
    zones: zones.toSorted(byCode),
    spaces: spaces.toSorted((a, b) => byCode(a.place, b.place)),
  })
}

/** As Postgres orders them where its collation is C: codes are ASCII. */
function byCode(a: { readonly code: string }, b: { readonly code: string }): number {
  return a.code < b.code ? -1 : Number(a.code > b.code)
}

function groupedBySite<Row extends { readonly siteId: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const group = groups.get(row.siteId)
    if (group === undefined) groups.set(row.siteId, [row])
    else group.push(row)
  }
  return groups
}

function timeOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text)
}

function isSame(a: LiveState, b: LiveState): boolean {
  return (
    a.version === b.version &&
    a.observedAt === b.observedAt &&
    a.since === b.since &&
    a.status === b.status &&
    a.occupancy === b.occupancy &&
    a.stale === b.stale &&
    a.reservation === b.reservation &&
    a.override === b.override
  )
}
