import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  deviceGroupsOf,
  gatewayGroups,
  readGroups,
  type GroupQuery,
  type Page,
} from '../../console/src/devices/groups.ts'

describe('lists that are read in groups', () => {
  it('has the items of one group after those of the other, as many as are wanted, and says whether there are more', async () => {
    const groups = fc.array(fc.array(fc.integer(), { maxLength: 12 }), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(
        groups,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 5 }),
        async (all, most, size) => {
          const read = pagesOf(all, size)
          const expected = all.flat()
          const { items, more } = await readGroups({
            groups: all.map((_, index) => ({ group: String(index) })),
            most,
            read,
          })
          expect(items).toEqual(expected.slice(0, most))
          // Where as many as are wanted were the last of their group, those of the next are not asked for.
          if (expected.length > most) expect(more).toBe(true)
          if (items.length < most) expect(more).toBe(false)
        },
      ),
    )
  })

  it('shows each device once: silent ones first, or those of one state alone', () => {
    expect(deviceGroupsOf(null)).toEqual([{ silent: 'true' }, { assigned: 'false' }, { silent: 'false' }])
    expect(deviceGroupsOf('heard')).toEqual([{ silent: 'false' }])
    expect(deviceGroupsOf('whatever')).toHaveLength(3)
    expect(gatewayGroups[0]).toEqual({ presence: 'offline' })
  })
})

/** A server that gives no more than `size` at a time, whatever is asked for. */
function pagesOf(all: readonly number[][], size: number) {
  return async ({ group = '0', cursor = '0', limit = '1' }: GroupQuery): Promise<Page<number>> => {
    const items = all[Number(group)] ?? []
    const end = Number(cursor) + Math.min(size, Number(limit))
    return { items: items.slice(Number(cursor), end), next: end < items.length ? String(end) : null }
  }
}
