import { describe, expect, it } from 'vitest'
import { bandsOf, changeAt, withHeard, type Change } from '../../console/src/space/bands.ts'
import { fieldText, momentOf, nextOf, previousOf, spanFor, ticksOf } from '../../console/src/space/moments.ts'
import { piecesOf } from '../../console/src/space/words.ts'

const zone = 'Europe/Copenhagen'
const iso = (ms: number) => new Date(ms).toISOString()

function change(atMs: number, status: string, { version = 1, stale = false } = {}): Change {
  const state = { status, stale, occupancy: 'unknown', since: null, version }
  return {
    recorded_at: iso(atMs),
    event_time: iso(atMs),
    kind: status,
    cause: { type: 'reading' },
    rule: 'reading',
    state,
  }
}

describe('moments as clocks show them', () => {
  it('are those of the time zone, there and back', () => {
    expect(momentOf('2026-11-20T14:05', zone)).toBe(Date.parse('2026-11-20T13:05:00Z'))
    expect(momentOf('2026-07-20T14:05:09', zone)).toBe(Date.parse('2026-07-20T12:05:09Z'))
    expect(fieldText(Date.parse('2026-11-20T13:05:00Z'), zone)).toBe('2026-11-20T14:05:00')
  })

  it('are the first one where clocks were put back, and exist where they were put forward', () => {
    expect(momentOf('2026-10-25T02:30', zone)).toBe(Date.parse('2026-10-25T00:30:00Z'))
    expect(momentOf('2026-03-29T02:30', zone)).toBe(Date.parse('2026-03-29T01:30:00Z'))
  })

  it('are hours away in any time zone', () => {
    for (const each of ['Pacific/Kiritimati', 'Pacific/Pago_Pago', 'Asia/Kolkata', 'UTC']) {
      const atMs = Date.parse('2026-11-20T13:05:07Z')
      expect(momentOf(fieldText(atMs, each), each), each).toBe(atMs)
    }
  })

  it('are no more than that', () => {
    for (const text of ['', '2026-11-20', 'yesterday', '2026-13-40T99:99', '+12026-11-20T14:05']) {
      expect(momentOf(text, zone), text).toBeUndefined()
    }
  })
})

describe('the span that is drawn', () => {
  const nowMs = Date.parse('2026-11-21T12:00:00Z')
  const hour = 3_600_000

  it('ends now, stays while the moment is in it, and moves to one that is not', () => {
    const present = spanFor({ hours: 24, atMs: undefined, nowMs, last: undefined })
    expect(present).toEqual({ fromMs: nowMs - 24 * hour, toMs: nowMs })
    const later = nowMs + 60_000
    expect(spanFor({ hours: 24, atMs: nowMs - hour, nowMs: later, last: present })).toEqual(present)
    const atMs = nowMs - 72 * hour
    const moved = spanFor({ hours: 24, atMs, nowMs, last: present })
    expect(moved.toMs - moved.fromMs).toBe(24 * hour)
    expect(moved.fromMs).toBeLessThan(atMs)
    expect(moved.toMs).toBeGreaterThan(atMs)
    expect(spanFor({ hours: 6, atMs, nowMs, last: moved }).toMs).toBeGreaterThan(atMs)
    expect(spanFor({ hours: 24, atMs: undefined, nowMs: later, last: moved }).toMs).toBe(later)
  })

  it('never ends in the future', () => {
    expect(spanFor({ hours: 24, atMs: nowMs - 25 * hour, nowMs, last: undefined }).toMs).toBeLessThanOrEqual(nowMs)
  })

  it('has ticks at round hours of the time zone', () => {
    const ticks = ticksOf({ fromMs: nowMs - 24 * hour, toMs: nowMs }, zone)
    expect(ticks.map(({ atMs }) => fieldText(atMs, zone).slice(11, 16))).toEqual([
      '15:00',
      '18:00',
      '21:00',
      '00:00',
      '03:00',
      '06:00',
      '09:00',
      '12:00',
    ])
    expect(ticks.filter(({ isDay }) => isDay)).toHaveLength(1)
    expect(ticksOf({ fromMs: nowMs - 24 * hour, toMs: nowMs }, 'Asia/Kolkata')).toHaveLength(8)
  })

  it('is gone through from change to change', () => {
    expect([previousOf([1, 3, 5], 3), nextOf([1, 3, 5], 3), previousOf([1], 1), nextOf([1], 1)]).toEqual([
      1,
      5,
      undefined,
      undefined,
    ])
  })
})

describe('bands', () => {
  const span = { fromMs: 1000, toMs: 2000 }

  it('fill the span, begin with what was shown before, and end with it', () => {
    const before = change(10, 'free')
    expect(bandsOf([change(1200, 'occupied'), change(1500, 'free')], { before, span })).toEqual([
      { fromMs: 1000, toMs: 1200, status: 'free', stale: false },
      { fromMs: 1200, toMs: 1500, status: 'occupied', stale: false },
      { fromMs: 1500, toMs: 2000, status: 'free', stale: false },
    ])
    expect(bandsOf([], { before: null, span })).toEqual([{ fromMs: 1000, toMs: 2000, status: 'unknown', stale: false }])
  })

  it('are one where nothing that is seen changes, and tell what is stale', () => {
    const changes = [change(1100, 'free'), change(1200, 'free'), change(1300, 'free', { stale: true })]
    expect(bandsOf(changes, { before: null, span }).map(({ toMs }) => toMs)).toEqual([1100, 1300, 2000])
  })

  it('take what left the span as it went on, and nothing from behind it', () => {
    const changes = [change(500, 'free'), change(900, 'occupied'), change(2500, 'free')]
    expect(bandsOf(changes, { before: null, span })).toEqual([
      { fromMs: 1000, toMs: 2000, status: 'occupied', stale: false },
    ])
  })

  it('count what was read and heard once', () => {
    const read = [change(1100, 'free', { version: 1 }), change(1200, 'occupied', { version: 2 })]
    const heard = [change(1200, 'occupied', { version: 2 }), change(1300, 'free', { version: 3 })]
    expect(withHeard(read, heard).map(({ state }) => state.version)).toEqual([1, 2, 3])
    expect(withHeard([], heard)).toHaveLength(2)
    expect(changeAt(read, 1199)?.state.version).toBe(1)
    expect(changeAt(read, 1200)?.state.version).toBe(2)
    expect(changeAt(read, 1099)).toBeUndefined()
  })
})

describe('what is told', () => {
  it('has times and messages of a sentence by themselves', () => {
    const id = '019a9f6e-8f0c-7d31-9a44-6a1f2f0b7c55'
    expect(piecesOf(`the same as message ${id}/2, taken at 2026-11-20T13:40:02.480Z`)).toEqual([
      { text: 'the same as ' },
      { message: { id, part: 2 } },
      { text: ', taken at ' },
      { at: '2026-11-20T13:40:02.480Z' },
    ])
    expect(piecesOf('<b>no</b>')).toEqual([{ text: '<b>no</b>' }])
    expect(piecesOf('')).toEqual([])
  })
})
