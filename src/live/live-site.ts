import type { Status } from '../occupancy/state.ts'
import type { LiveState, SiteRow, SpaceRow, ZoneRow } from '../store/live-places.ts'

export type Place = Omit<SpaceRow, 'state'>

/** A space as it is at one moment: never changed, but replaced. */
export interface LiveSpace {
  readonly place: Place
  readonly state: LiveState
}

/** Counts of some spaces; `oldestEvidenceAt` is that of the space which was heard least recently. */
export interface Counts {
  readonly total: number
  readonly status: Readonly<Record<Status, number>>
  readonly stale: number
  readonly oldestEvidenceAt: number | null
}

/** A site with its zones and spaces, both in the order of their codes. */
export class LiveSite {
  readonly id: string
  readonly code: string
  readonly name: string
  readonly lat: number | null
  readonly lon: number | null
  readonly zones: readonly ZoneRow[]
  readonly #spaces: LiveSpace[]
  readonly #indexes: ReadonlyMap<string, number>
  #revision = 0
  #counts: { revision: number; counts: Counts } | undefined

  constructor(
    { id, code, name, lat, lon }: SiteRow,
    { zones, spaces }: { zones: readonly ZoneRow[]; spaces: LiveSpace[] },
  ) {
    this.id = id
    this.code = code
    this.name = name
    this.lat = lat
    this.lon = lon
    this.zones = zones
    this.#spaces = spaces
    this.#indexes = new Map(spaces.map(({ place }, index) => [place.id, index]))
  }

  get spaces(): readonly LiveSpace[] {
    return this.#spaces
  }

  /** Another one whenever a space of this site has changed. */
  get revision(): number {
    return this.#revision
  }

  /** Of all its spaces, counted once for each revision. */
  get counts(): Counts {
    if (this.#counts?.revision !== this.#revision) {
      this.#counts = { revision: this.#revision, counts: countSpaces(this.#spaces) }
    }
    return this.#counts.counts
  }

  /** Returns whether it was taken. */
  put(spaceId: string, state: LiveState, isNewer: (known: LiveState) => boolean): boolean {
    const index = this.#indexes.get(spaceId)
    const known = index === undefined ? undefined : this.#spaces[index]
    if (index === undefined || known === undefined || !isNewer(known.state)) return false
    this.#spaces[index] = { place: known.place, state }
    this.#revision += 1
    return true
  }
}

export function countSpaces(spaces: Iterable<LiveSpace>): Counts {
  const status = { free: 0, occupied: 0, reserved: 0, blocked: 0, out_of_service: 0, unknown: 0 }
  let total = 0
  let stale = 0
  let oldestEvidenceAt: number | null = null
  for (const { state } of spaces) {
    total += 1
    status[state.status] += 1
    if (state.stale) stale += 1
    const at = state.observedAt
    if (at !== null && (oldestEvidenceAt === null || at < oldestEvidenceAt)) oldestEvidenceAt = at
  }
  return { total, status, stale, oldestEvidenceAt }
}
