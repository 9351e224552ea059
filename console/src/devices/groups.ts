/** Lists that the API has in one order, read so that those come first that need somebody. */
export interface Page<T> {
  items: T[]
  next: string | null
}

/** What is asked for: one group of the items after the other. */
export type GroupQuery = Readonly<Record<string, string>>

/** As `state` in the URL; those that no state is asked of: all of them. */
export type DeviceState = 'silent' | 'nowhere' | 'heard' | 'low-battery'
export const deviceStates: readonly DeviceState[] = ['silent', 'nowhere', 'heard', 'low-battery']

const deviceGroups: Readonly<Record<'silent' | 'nowhere' | 'heard', GroupQuery>> = {
  silent: { silent: 'true' },
  nowhere: { assigned: 'false' },
  heard: { silent: 'false' },
}

/** Each device is in one of them: silent is only what stands somewhere. */
export function deviceGroupsOf(state: string | null): readonly GroupQuery[] {
  if (state === 'silent' || state === 'nowhere' || state === 'heard') return [deviceGroups[state]]
  return [deviceGroups.silent, deviceGroups.nowhere, deviceGroups.heard]
}

export const gatewayGroups: readonly GroupQuery[] = [
  { presence: 'offline' },
  { presence: 'unknown' },
  { presence: 'online' },
]

const mostPerPage = 1000

/** The first `most` of all groups, and whether there are more. */
export async function readGroups<T>({
  groups,
  most,
  read,
}: {
  groups: readonly GroupQuery[]
  most: number
  read: (query: GroupQuery) => Promise<Page<T>>
}): Promise<{ items: T[]; more: boolean }> {
  const items: T[] = []
  for (const group of groups) {
    let cursor: string | undefined
    do {
      if (items.length >= most) return { items, more: true }
      const limit = String(Math.min(mostPerPage, most - items.length))
      // oxlint-disable-next-line no-await-in-loop -- each page names the next
      const page = await read({ ...group, limit, ...(cursor === undefined ? {} : { cursor }) })
      items.push(...page.items)
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
  }
  return { items, more: false }
}
