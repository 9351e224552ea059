import { signal, type ReadonlySignal } from '@preact/signals'
import type { SpaceEvent } from '../live/live.ts'
import { statuses, isStatus, type Status } from '../status.tsx'

/** What a space shows, as spaces, events, plans and histories have it. */
export interface ShownState {
  status: string
  occupancy: string
  reservation: string
  override: string
  stale: boolean
  since: string | null
  observed_at: string | null
  version: number
}

/** What happens often is shown at most this often. */
const showEveryMs = 200

/** What the spaces of a site show now. */
export class SiteModel {
  readonly #states: Map<string, ShownState>
  readonly #changes = signal(0)
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(spaces: readonly { id: string; state: ShownState }[]) {
    this.#states = new Map(spaces.map(({ id, state }) => [id, state]))
  }

  get states(): ReadonlyMap<string, ShownState> {
    return this.#states
  }

  /** Rises when there is something new to show. */
  get changes(): ReadonlySignal<number> {
    return this.#changes
  }

  /** Of two states of a space the one with the higher version is the newer one. */
  apply({ space_id: id, state }: Pick<SpaceEvent, 'space_id' | 'state'>): void {
    const known = this.#states.get(id)
    if (known === undefined || known.version >= state.version) return
    this.#states.set(id, state)
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#changes.value += 1
    }, showEveryMs)
  }
}

export function countStatuses(
  ids: Iterable<string>,
  states: ReadonlyMap<string, { status: string }>,
): Record<Status, number> {
  const counts = Object.fromEntries(statuses.map((status) => [status, 0])) as Record<Status, number>
  for (const id of ids) {
    const status = states.get(id)?.status ?? 'unknown'
    if (isStatus(status)) counts[status] += 1
  }
  return counts
}
