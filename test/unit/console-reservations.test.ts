import { describe, expect, it } from 'vitest'
import {
  actionsOf,
  filtersOf,
  inOrder,
  isShown,
  lengthWords,
  windowOf,
  type Reservation,
} from '../../console/src/reservations/reservation-view.ts'
import { hourMarks, nowMark, rangeWords, timelineRows } from '../../console/src/reservations/timeline-rows.ts'

const now = new Date('2026-11-21T12:00:00Z')
const at = (clock: string) => `2026-11-21T${clock}:00.000Z`
const day = { from: new Date(at('00:00')), to: new Date('2026-11-22T00:00:00Z') }

function booked(id: string, more: Partial<Reservation> = {}): Reservation {
  return {
    id,
    space_id: `space-${id}`,
    space: id,
    site_id: 'site',
    state: 'confirmed',
    start: at('14:00'),
    end: at('16:00'),
    holder: 'user:anna',
    vehicle: null,
    features: [],
    hold_expires_at: null,
    checked_in_at: null,
    checked_out_at: null,
    contested_at: null,
    overstayed_at: null,
    ended_at: null,
    created_at: at('08:00'),
    ...more,
  }
}

const of = (query: string) => filtersOf(new URLSearchParams(query))
const active = (id: string, more: Partial<Reservation> = {}) =>
  booked(id, { state: 'active', start: at('11:00'), end: at('13:00'), ...more })
const over = (id: string, ended: string) => active(id, { state: 'completed', ended_at: at(ended) })

describe('what may be done with a reservation', () => {
  it('is what fits its state, the likeliest first', () => {
    expect(actionsOf(booked('a'), now)).toEqual(['check-in', 'extend', 'move', 'cancel'])
    expect(actionsOf(booked('a', { state: 'pending' }), now)).toEqual(['confirm', 'extend', 'move', 'cancel'])
    expect(actionsOf(active('a'), now)).toEqual(['check-in', 'check-out', 'extend', 'cancel'])
    expect(actionsOf(active('a', { checked_in_at: at('11:05') }), now)).toEqual(['check-out', 'extend'])
    expect(actionsOf(active('a', { contested_at: at('11:00') }), now)[0]).toBe('move')
    expect(actionsOf(over('a', '12:00'), now)).toEqual([])
  })
})

describe('what the page shows', () => {
  it('is said by the URL; what that says wrongly is as if it said nothing', () => {
    expect(of('')).toEqual({ siteId: undefined, when: 'today', show: '' })
    expect(of('site=s&when=now&show=open')).toEqual({ siteId: 's', when: 'now', show: 'open' })
    expect(of('when=2026-02-30&show=<b>')).toEqual({ siteId: undefined, when: 'today', show: '' })
    expect(of('when=2026-02-28').when).toBe('2026-02-28')
  })

  it('is of now an hour before and behind, and of days whole days there', () => {
    const { from, to } = windowOf('now', { now, timezone: 'Europe/Berlin' })
    expect([from.toISOString(), to.toISOString()]).toEqual([at('11:00'), at('13:00')])
    expect(windowOf('today', { now, timezone: 'Asia/Tokyo' }).from.toISOString()).toBe('2026-11-20T15:00:00.000Z')
  })

  it('of now leaves out what is over, but for what needs somebody', () => {
    const filters = { siteId: undefined, when: 'now', show: '' }
    const overstayed = { ...over('b', '12:00'), overstayed_at: at('12:00') }
    expect(
      [over('a', '12:00'), overstayed, active('c')].filter((one) => isShown(one, filters)).map(({ id }) => id),
    ).toEqual(['b', 'c'])
  })

  it('begins with what is contested and ends with what is over', () => {
    const contested = active('z', { contested_at: at('11:00') })
    const all = [over('a', '11:30'), booked('b'), active('c'), contested, booked('d', { start: at('13:00') })]
    expect(inOrder(all).map(({ id }) => id)).toEqual(['z', 'c', 'd', 'b', 'a'])
  })
})

describe('the timeline', () => {
  it('has a row for each space, in the order in which people count', () => {
    const rows = timelineRows(
      [booked('A-10'), booked('A-2'), { ...booked('x'), space: 'A-2', space_id: 'space-A-2' }],
      day,
    )
    expect(rows.map(({ space, bars }) => [space, bars.length])).toEqual([
      ['A-2', 2],
      ['A-10', 1],
    ])
  })

  it('ends a bar where the space was free again, and leaves out what never took it', () => {
    const [row, ...others] = timelineRows(
      [over('a', '12:00'), booked('b', { state: 'cancelled', ended_at: at('09:00') })],
      day,
    )
    expect(others).toEqual([])
    expect(row?.bars[0]?.left).toBeCloseTo((100 * 11) / 24)
    expect(row?.bars[0]?.width).toBeCloseTo(100 / 24)
  })

  it('cuts what begins before the day or ends behind it', () => {
    const long = booked('a', { start: '2026-11-20T10:00:00.000Z', end: '2026-11-23T10:00:00.000Z' })
    expect(timelineRows([long], day)[0]?.bars[0]).toMatchObject({ left: 0, width: 100 })
  })

  it('marks hours, also where the offset is no whole hour', () => {
    expect(hourMarks(day, 'UTC').map(({ label }) => label)).toHaveLength(8)
    expect(hourMarks(day, 'Asia/Kathmandu').map(({ label }) => label)).toContain('06:00')
    expect(nowMark(day, now)).toBe(50)
    expect(nowMark(day, new Date('2026-11-23T00:00:00Z'))).toBeUndefined()
  })

  it('says from when to when, with the day where it is another one', () => {
    const range = { from: new Date(at('23:00')), to: new Date('2026-11-22T01:30:00Z') }
    expect(rangeWords(range, { timezone: 'UTC', day: '2026-11-21' })).toBe('23:00–2026-11-22 01:30')
    expect(rangeWords(range, { timezone: 'UTC', day: undefined })).toBe('2026-11-21 23:00–2026-11-22 01:30')
    expect([0, 45, 90, 1500].map((minutes) => lengthWords(minutes * 60_000))).toEqual([
      '0 min',
      '45 min',
      '1 h 30 min',
      '1 d 1 h',
    ])
  })
})
