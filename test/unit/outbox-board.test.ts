import { expect, test } from 'vitest'
import { Board } from '../../src/outbox/board.ts'
import type { OutboxSpace } from '../../src/store/outbox.ts'

/** A board of tenants with a hundred spaces each, none of them published yet. */
function boardOf(...tenantIds: string[]): Board {
  const board = new Board()
  board.see(tenantIds.map((id) => ({ id, slug: id, placesVersion: 1, head: 0 })))
  for (const tenant of board.moved()) {
    const rows = Array.from({ length: 100 }, (_, n) => ({
      siteId: `${tenant.id} site`,
      site: 'main',
      spaceId: `${tenant.id} ${n}`,
      space: `A${n}`,
    }))
    board.place(tenant, rows)
  }
  return board
}

/** Something happens in the first spaces of a tenant. */
function happen(board: Board, tenantId: string, spaces: number): void {
  const happened = Array.from({ length: spaces }, (_, n): OutboxSpace => ({ tenantId, spaceId: `${tenantId} ${n}` }))
  board.changed([{ tenantId, after: 0, until: spaces }], happened)
}

function publish(board: Board, some: readonly OutboxSpace[]): void {
  for (const { tenantId, spaceId } of some) board.tenants.get(tenantId)?.settle(spaceId)
}

test('what happens goes first', () => {
  const board = boardOf('a')
  happen(board, 'a', 5)
  expect(board.next(20).slice(0, 5)).toEqual(
    Array.from({ length: 5 }, (_, n) => ({ tenantId: 'a', spaceId: `a ${n}` })),
  )
  expect(new Set(board.next(20).map(({ spaceId }) => spaceId)).size).toBe(20)
})

test('what does not change is published as well, however much happens all the time', () => {
  const board = boardOf('a', 'b')
  const published = new Set<string>()
  for (let round = 0; round < 30; round++) {
    happen(board, 'a', 60)
    const some = board.next(40)
    expect(some).toHaveLength(40)
    for (const { spaceId } of some) published.add(spaceId)
    publish(board, some)
  }
  expect(published.size).toBeGreaterThan(160)
})
