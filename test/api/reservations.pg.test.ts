import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import {
  makePlaces,
  placesFixture,
  statusesOf,
  withoutRequestId,
  type Caller,
  type PlacesFixture,
} from './places-fixture.ts'

let fixture: PlacesFixture
beforeAll(async () => {
  fixture = await placesFixture()
})
afterEach(() => fixture.baywire.expectSound())
afterAll(() => fixture.close())

const hour = 3_600_000
const now = () => fixture.baywire.clock.now()
const inMs = (ms: number) => new Date(now() + ms).toISOString()
/** In hours from now. */
const time = (from: number, to: number) => ({ start: inMs(from * hour), end: inMs(to * hour) })

const reserve = (who: Caller, json: unknown, key: string = newId()) =>
  who('POST', '/reservations', { json, headers: { 'Idempotency-Key': key } })

function lastSunday(year: number): Date {
  const last = new Date(Date.UTC(year, 9, 31))
  return new Date(last.getTime() - last.getUTCDay() * 24 * hour)
}

const withFeatures = async (owner: Caller, id: string, features: string[]) =>
  owner('PATCH', `/spaces/${id}`, { json: { features }, ifMatch: '"1"' })

const act = (who: Caller, id: string, action: string, json?: unknown) =>
  who('PUT', `/reservations/${id}/${action}`, json === undefined ? {} : { json })

/** The last Sunday of October that is to come, which is what turns clocks back in Europe. */
function nextNightTurnedBack(): string {
  const year = new Date(now()).getUTCFullYear()
  const night = [lastSunday(year), lastSunday(year + 1)].find((one) => one.getTime() > now() + 24 * hour)
  return String(night?.toISOString().slice(0, 10))
}

async function scene(spaces: readonly string[] = ['A1']) {
  const tenant = await fixture.tenant()
  const { siteId, spaceIds } = await makePlaces(tenant.owner, { spaces })
  const [spaceId = ''] = spaceIds
  return {
    ...tenant,
    siteId,
    spaceIds,
    spaceId,
    state: async (id = spaceId) => (await tenant.owner('GET', `/spaces/${id}`)).body.state,
    events: async () => {
      const rows = await fixture.baywire.sql`
        SELECT kind FROM space_events WHERE tenant_id = ${tenant.id} ORDER BY position`
      return rows.map(({ kind }) => String(kind))
    },
    audit: async () => {
      const rows = await fixture.baywire.sql`
        SELECT action FROM audit_log WHERE tenant_id = ${tenant.id} AND action LIKE 'reservation%' ORDER BY seq`
      return rows.map(({ action }) => String(action))
    },
    policy: (fields: object) => tenant.owner('PUT', '/policies/tenant', { json: fields, ifMatch: '"0"' }),
  }
}

/** A space whose sensor has said that nobody stands there, and a booking of the hour that begins. */
async function withReading(policy: object = {}) {
  const slug = `ingest-${newId().slice(-6)}`
  const id = await fixture.baywire.tenant(slug, ['S1'])
  const { sql } = fixture.baywire
  await sql`
    INSERT INTO policies (tenant_id, version, scope, fields)
    SELECT id, policy_version + 1, 'tenant', ${sql.json(policy as never)} FROM tenants WHERE id = ${id}`
  await sql`UPDATE tenants SET policy_version = policy_version + 1 WHERE id = ${id}`
  const { driver, siteId, spaceIds } = await fixture.inTenant(id)
  const say = (occupied: boolean) => {
    fixture.baywire.clock.advance(1000)
    return fixture.baywire.deliver(`parking/v1/${slug}/devices/S1/reading`, { occupied })
  }
  await say(false)
  const wanted = { space_id: spaceIds[0], start: inMs(0), end: inMs(hour) }
  const before = await reserve(driver, wanted)
  expect(before).toMatchObject({ status: 201, body: { state: 'active' } })
  expect(await reserve(driver, wanted)).toMatchObject({ status: 409 })
  const expectRoom = async (state: string) => {
    expect(await reserve(driver, { ...wanted, start: inMs(0) })).toMatchObject({ status: 201 })
    expect((await driver('GET', `/reservations/${before.body.id}`)).body.state).toBe(state)
  }
  return { say, expectRoom, wanted, driver, siteId }
}

describe('reserving a space', () => {
  it('answers with it, and keeps the space for its time', async () => {
    const { driver, spaceId, siteId } = await scene()
    const made = await reserve(driver, { space_id: spaceId, ...time(2, 3), vehicle: 'HH-AB 123' })
    expect(made).toMatchObject({
      status: 201,
      etag: '"1"',
      body: {
        space_id: spaceId,
        site_id: siteId,
        space: 'A1',
        state: 'confirmed',
        vehicle: 'HH-AB 123',
        ended_at: null,
        ...time(2, 3),
      },
    })
    expect(made.headers.get('Location')).toBe(`/api/v1/reservations/${made.body.id}`)
    const read = await driver('GET', `/reservations/${made.body.id}`)
    expect(read).toMatchObject({ status: 200, etag: '"1"', body: made.body })
  })

  it('needs an Idempotency-Key, and says where that is explained', async () => {
    const { driver, spaceId } = await scene()
    const answer = await driver('POST', '/reservations', { json: { space_id: spaceId, ...time(2, 3) } })
    expect(answer).toMatchObject({ status: 400, body: { type: '/problems/idempotency-key-required' } })
    const page = await fixture.app.request(String(answer.body.type))
    expect(page.status).toBe(200)
    expect((await driver('GET', '/reservations')).body.items).toEqual([])
  })

  it('is done once however often it is sent, and refused with the same key for another', async () => {
    const { driver, spaceId } = await scene()
    const [json, key] = [{ space_id: spaceId, ...time(2, 3) }, newId()]
    const first = await reserve(driver, json, key)
    const second = await reserve(driver, json, key)
    expect(second).toMatchObject({ status: 201, etag: first.etag, text: first.text })
    expect(second.headers.get('Idempotency-Replayed')).toBe('true')
    expect(await reserve(driver, { ...json, ...time(5, 6) }, key)).toMatchObject({
      status: 422,
      body: { type: '/problems/idempotency-mismatch' },
    })
    expect((await driver('GET', '/reservations')).body.items).toHaveLength(1)
  })

  it('overlapping by a millisecond is refused, touching is not', async () => {
    const { driver, another, spaceId } = await scene()
    const other = another('driver')
    const from = now() + 2 * hour
    const at = (ms: number) => new Date(from + ms).toISOString()
    expect(await reserve(driver, { space_id: spaceId, start: at(0), end: at(hour) })).toMatchObject({ status: 201 })
    for (const [start, end] of [
      [-hour, 1],
      [hour - 1, 2 * hour],
      [10, 20],
      [-1, hour + 1],
      [0, hour],
    ] as const) {
      const answer = await reserve(other, { space_id: spaceId, start: at(start), end: at(end) })
      expect(answer).toMatchObject({ status: 409, body: { type: '/problems/conflict' } })
      expect(answer.body.detail).toContain(at(0))
    }
    expect(await reserve(other, { space_id: spaceId, start: at(-hour), end: at(0) })).toMatchObject({ status: 201 })
    expect(await reserve(other, { space_id: spaceId, start: at(hour), end: at(2 * hour) })).toMatchObject({
      status: 201,
    })
  })

  describe('where nobody has written yet that the one before is over', () => {
    it('there is room after a no-show', async () => {
      const { expectRoom, wanted, driver } = await withReading()
      fixture.baywire.clock.advance(hour / 4 - 1)
      expect(await reserve(driver, { ...wanted, start: inMs(0) })).toMatchObject({ status: 409 })
      fixture.baywire.clock.advance(1)
      await expectRoom('no_show')
    })

    it('there is room after an early departure', async () => {
      const { say, expectRoom, wanted, driver } = await withReading()
      await say(true)
      expect(await reserve(driver, { ...wanted, start: inMs(0) })).toMatchObject({ status: 409 })
      await say(false)
      await expectRoom('completed')
    })

    it('its space is found among those of the site, too', async () => {
      const { say, wanted, driver, siteId } = await withReading()
      const ofSite = () => reserve(driver, { site_id: siteId, start: inMs(0), end: wanted.end })
      await say(true)
      expect(await ofSite()).toMatchObject({ status: 409 })
      await say(false)
      expect(await ofSite()).toMatchObject({ status: 201, body: { space_id: wanted.space_id } })
    })

    it('there is room after a departure that only time has confirmed', async () => {
      const { say, expectRoom, wanted, driver } = await withReading({ debounce: { readings: 5, hold_s: 60 } })
      await say(true)
      fixture.baywire.clock.advance(60_000)
      expect(await reserve(driver, { ...wanted, start: inMs(0) })).toMatchObject({ status: 409 })
      await say(false)
      expect(await reserve(driver, { ...wanted, start: inMs(0) })).toMatchObject({ status: 409 })
      fixture.baywire.clock.advance(60_000)
      await expectRoom('completed')
    })
  })

  it.each([
    ['an end before its start', () => ({ start: inMs(2 * hour), end: inMs(hour) }), 'end'],
    ['no time at all', () => ({ start: inMs(2 * hour), end: inMs(2 * hour) }), 'end'],
    ['a start in the past', () => ({ start: inMs(-61_000), end: inMs(hour) }), 'start'],
    ['years ago', () => ({ start: '1970-01-01T00:00:00Z', end: inMs(hour) }), 'start'],
    ['the year 0', () => ({ start: '0000-01-01T00:00:00Z', end: inMs(hour) }), 'start'],
    ['10,000 days', () => ({ start: inMs(hour), end: inMs(10_000 * 24 * hour) }), 'end'],
    ['a millisecond more than a day', () => ({ start: inMs(hour), end: inMs(25 * hour + 1) }), 'end'],
    ['a far-off year', () => ({ start: '9999-12-30T00:00:00Z', end: '9999-12-31T00:00:00Z' }), 'start'],
    ['a year of five digits in UTC', () => ({ start: inMs(hour), end: '9999-12-31T23:59:59-01:00' }), 'end'],
    ['31 days ahead', () => time(31 * 24, 31 * 24 + 1), 'start'],
    ['parts of a millisecond', () => ({ start: inMs(hour).replace('Z', '4Z'), end: inMs(2 * hour) }), 'start'],
    ['nanoseconds', () => ({ start: inMs(hour), end: inMs(2 * hour).replace('Z', '000001Z') }), 'end'],
  ])('%s is refused with 422, by name', async (_, times, path) => {
    const { driver, spaceId } = await scene()
    const answer = await reserve(driver, { space_id: spaceId, ...times() })
    expect(answer).toMatchObject({ status: 422, body: { type: '/problems/unprocessable', errors: [{ path }] } })
  })

  it.each([
    ['no offset', { start: '2099-01-01T00:00:00', end: '2099-01-01T01:00:00' }, 'start'],
    ['no such time zone', { start: '2099-01-01T00:00:00 Mars/Phobos', end: '2099-01-01T01:00:00Z' }, 'start'],
    ['a day that is none', { start: '2099-02-30T00:00:00Z', end: '2099-03-01T01:00:00Z' }, 'start'],
    ['a field too many', { start: '2099-01-01T00:00:00Z', end: '2099-01-01T01:00:00Z', timezone: 'UTC' }, 'timezone'],
  ])('%s is refused with 400, by name', async (_, times, path) => {
    const { driver, spaceId } = await scene()
    const answer = await reserve(driver, { space_id: spaceId, ...times })
    expect(answer).toMatchObject({ status: 400, body: { type: '/problems/invalid-input' } })
    expect(answer.body.errors.map((error: { path: string }) => error.path)).toContain(path)
  })

  it('takes whole milliseconds however they are written, and any offset', async () => {
    const { driver, spaceId } = await scene()
    const start = new Date(Math.ceil(now() / hour) * hour + 24 * hour)
    const local = (at: Date) => `${new Date(at.getTime() + 2 * hour).toISOString().slice(0, 19)}.000000+02:00`
    const answer = await reserve(driver, {
      space_id: spaceId,
      start: local(start),
      end: local(new Date(start.getTime() + hour)),
    })
    expect(answer).toMatchObject({ status: 201, body: { start: start.toISOString() } })
  })

  it('is as long as the time that passes, over changes of daylight-saving time', async () => {
    const { driver, spaceId, policy } = await scene()
    await policy({ max_lead_s: 400 * 24 * 3600, max_reservation_s: 2 * 3600 })
    // In Berlin the clock shows 02:30 twice on that night: an hour apart.
    const day = nextNightTurnedBack()
    const over = await reserve(driver, {
      space_id: spaceId,
      start: `${day}T02:30:00+02:00`,
      end: `${day}T02:30:00+01:00`,
    })
    expect(over).toMatchObject({ status: 201, body: { start: `${day}T00:30:00.000Z`, end: `${day}T01:30:00.000Z` } })
    const touching = { start: `${day}T02:30:00+01:00`, end: `${day}T03:00:00+01:00` }
    expect(await reserve(driver, { space_id: spaceId, ...touching })).toMatchObject({ status: 201 })
    // The other way round the same words are an hour too early.
    const turned = { start: `${day}T02:30:00+01:00`, end: `${day}T02:30:00+02:00` }
    expect(await reserve(driver, { space_id: spaceId, ...turned })).toMatchObject({ status: 422 })
  })

  it('of another tenant is of none', async () => {
    const { driver } = await scene()
    const theirs = await scene()
    const foreign = await reserve(driver, { space_id: theirs.spaceId, ...time(2, 3) })
    const nothing = await reserve(driver, { space_id: newId(), ...time(2, 3) })
    expect(foreign.status).toBe(404)
    expect(withoutRequestId(foreign)).toEqual(withoutRequestId(nothing))
    const site = await reserve(driver, { site_id: theirs.siteId, ...time(2, 3) })
    expect(site).toMatchObject({ status: 404, body: { errors: [{ path: 'site_id' }] } })
    expect((await theirs.owner('GET', '/reservations')).body.items).toEqual([])
  })

  it('of a space that is out of service then is refused, and not after', async () => {
    const { driver, operator, spaceId } = await scene()
    const block = { space_id: spaceId, kind: 'out_of_service', ends_at: inMs(2 * hour + 1) }
    await operator('POST', '/overrides', { json: block })
    expect(await reserve(driver, { space_id: spaceId, ...time(2, 3) })).toMatchObject({ status: 409 })
    expect(await reserve(driver, { space_id: spaceId, ...time(2.1, 3) })).toMatchObject({ status: 201 })
    await operator('POST', '/overrides', { json: { space_id: spaceId, kind: 'blocked' } })
    expect(await reserve(driver, { space_id: spaceId, ...time(50, 51) })).toMatchObject({ status: 409 })
  })

  it('of one that is deleted meanwhile is refused; a booked one is not deleted', async () => {
    const { driver, owner, spaceId } = await scene()
    const made = await reserve(driver, { space_id: spaceId, ...time(2, 3) })
    const remove = () => owner('DELETE', `/spaces/${spaceId}`, { ifMatch: '"1"' })
    expect(await remove()).toMatchObject({ status: 409, body: { type: '/problems/in-use' } })
    await driver('PUT', `/reservations/${made.body.id}/cancel`)
    expect((await remove()).status).toBe(204)
    expect(await reserve(driver, { space_id: spaceId, ...time(2, 3) })).toMatchObject({ status: 404 })
    expect(await driver('GET', `/reservations/${made.body.id}`)).toMatchObject({ status: 200 })
  })

  it('is limited for a driver, in parallel too, and not for operators', async () => {
    const { driver, operator, spaceId, policy } = await scene()
    await policy({ max_open_per_holder: 3 })
    const many = (who: Caller, from: number) =>
      Promise.all(
        Array.from({ length: 8 }, (_, n) => reserve(who, { space_id: spaceId, ...time(from + n, from + n + 1) })),
      )
    expect(statusesOf(await many(driver, 2))).toEqual([201, 201, 201, 409, 409, 409, 409, 409])
    expect(statusesOf(await many(operator, 20))).toEqual(Array.from({ length: 8 }, () => 201))
    const [mine] = (await driver('GET', '/reservations')).body.items
    await driver('PUT', `/reservations/${mine.id}/cancel`)
    expect(await reserve(driver, { space_id: spaceId, ...time(12, 13) })).toMatchObject({ status: 201 })
  })

  it('that begins at once is active and shown at once; soon is shown as soon', async () => {
    const { driver, spaceIds, state, events } = await scene(['A1', 'A2'])
    const [first = '', second = ''] = spaceIds
    expect(await reserve(driver, { space_id: first, ...time(0, 1) })).toMatchObject({ body: { state: 'active' } })
    expect(await state(first)).toMatchObject({ status: 'reserved', reservation: 'active' })
    expect(await reserve(driver, { space_id: second, ...time(0.2, 1) })).toMatchObject({ body: { state: 'confirmed' } })
    expect(await state(second)).toMatchObject({ status: 'reserved', reservation: 'soon' })
    expect(await events()).toEqual(['reserved', 'reserved_soon'])
  })
})

describe('reserving one of a site', () => {
  it('takes one that has all the features, is not blocked and is free then', async () => {
    const { owner, driver, operator, siteId, spaceIds } = await scene(['A1', 'A2', 'A3', 'A4'])
    const [one = '', two = '', three = ''] = spaceIds
    await withFeatures(owner, two, ['ev', 'wide'])
    await withFeatures(owner, three, ['ev'])
    await withFeatures(owner, one, ['wide'])
    const wanted = { site_id: siteId, features: ['ev'], ...time(2, 3) }
    await operator('POST', '/overrides', { json: { space_id: two, kind: 'blocked', ends_at: inMs(hour) } })
    const chosen = [await reserve(driver, wanted), await reserve(driver, wanted)]
    expect(chosen.map(({ body }) => String(body.space)).toSorted()).toEqual(['A2', 'A3'])
    expect(await reserve(driver, wanted)).toMatchObject({ status: 409, body: { type: '/problems/conflict' } })
    expect(await reserve(driver, { ...wanted, features: ['sauna'] })).toMatchObject({ status: 409 })
    expect(await reserve(driver, { ...wanted, features: ['ev'], space_id: one })).toMatchObject({ status: 400 })
  })

  it('spreads bookings, and takes what is known to be free when it is wanted soon', async () => {
    const slug = `ingest-${newId().slice(-6)}`
    const id = await fixture.baywire.tenant(slug, ['S1', 'S2', 'S3'])
    const { driver, siteId } = await fixture.inTenant(id)
    const say = (device: string, occupied: boolean) =>
      fixture.baywire.deliver(`parking/v1/${slug}/devices/${device}/reading`, { occupied })
    await say('S1', true)
    await say('S3', false)
    expect(await reserve(driver, { site_id: siteId, ...time(0, 0.2) })).toMatchObject({ body: { space: 'S3' } })
    expect(await reserve(driver, { site_id: siteId, ...time(0, 0.2) })).toMatchObject({ body: { space: 'S2' } })
    // Somebody stands in the last one.
    expect(await reserve(driver, { site_id: siteId, ...time(0, 0.2) })).toMatchObject({ status: 409 })
    expect(await reserve(driver, { site_id: siteId, ...time(5, 6) })).toMatchObject({ body: { space: 'S1' } })
  })

  it('gives each of many who choose at once another one, while there are any', async () => {
    const spaces = Array.from({ length: 12 }, (_, n) => `B${n}`)
    const { operator, siteId } = await scene(spaces)
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => reserve(operator, { site_id: siteId, ...time(2, 3) })),
    )
    expect(statusesOf(answers)).toEqual([...spaces.map(() => 201), ...Array.from({ length: 18 }, () => 409)])
    const taken = answers.filter(({ status }) => status === 201).map(({ body }) => String(body.space))
    expect(taken.toSorted()).toEqual(spaces.toSorted())
  })
})

describe('a hold', () => {
  it('is confirmed in time, and otherwise gone for whoever comes next', async () => {
    const { driver, another, spaceId, state } = await scene()
    const hold = { space_id: spaceId, ...time(0, 1), hold: true }
    const held = await reserve(driver, hold)
    expect(held).toMatchObject({ status: 201, body: { state: 'pending', hold_expires_at: inMs(300_000) } })
    expect(await state()).toMatchObject({ reservation: 'none' })
    expect(await reserve(another('driver'), hold)).toMatchObject({ status: 409 })
    fixture.baywire.clock.advance(299_999)
    const confirm = (id: string) => driver('PUT', `/reservations/${id}/confirm`)
    const confirmed = await confirm(held.body.id)
    expect(confirmed).toMatchObject({ status: 200, body: { state: 'active', hold_expires_at: null } })
    expect(await state()).toMatchObject({ reservation: 'active' })
    expect(await confirm(held.body.id)).toMatchObject({ status: 200, etag: confirmed.etag, body: confirmed.body })
  })

  it('that expired is shown so, is released by the next one, and cannot be confirmed', async () => {
    const { driver, another, spaceId } = await scene()
    const json = { space_id: spaceId, ...time(2, 3), hold: true }
    const held = await reserve(driver, json)
    const path = `/reservations/${held.body.id}`
    fixture.baywire.clock.advance(300_000)
    expect((await driver('GET', path)).body).toMatchObject({ state: 'expired', ended_at: held.body.hold_expires_at })
    expect((await driver('GET', '/reservations?state=expired')).body.items).toHaveLength(1)
    expect((await driver('GET', '/reservations?state=pending')).body.items).toHaveLength(0)
    expect(await driver('PUT', `${path}/confirm`)).toMatchObject({ status: 409 })
    const rows = () => fixture.baywire.sql`SELECT state FROM reservations WHERE id = ${held.body.id}`
    // Refused, so that nothing of it stays: the row is as it was.
    expect(await rows()).toEqual([{ state: 'pending' }])
    expect(await reserve(another('driver'), { ...json, hold: false })).toMatchObject({ status: 201 })
    expect(await rows()).toEqual([{ state: 'expired' }])
    expect((await driver('GET', path)).body).toMatchObject({ state: 'expired', ended_at: held.body.hold_expires_at })
  })
})

describe('what a holder does', () => {
  it('cancels: the time is free again, and twice is once', async () => {
    const { driver, spaceId, state, events } = await scene()
    const made = await reserve(driver, { space_id: spaceId, ...time(0.1, 1) })
    const cancelled = await act(driver, made.body.id, 'cancel')
    expect(cancelled).toMatchObject({ status: 200, etag: '"2"', body: { state: 'cancelled', ended_at: inMs(0) } })
    expect((await act(driver, made.body.id, 'cancel')).body).toEqual(cancelled.body)
    expect(await state()).toMatchObject({ reservation: 'none' })
    expect(await events()).toEqual(['reserved_soon', 'released'])
    for (const action of ['confirm', 'check-in', 'check-out', 'move'])
      expect(await act(driver, made.body.id, action)).toMatchObject({
        status: 409,
        body: { type: '/problems/conflict' },
      })
    expect(await reserve(driver, { space_id: spaceId, ...time(0.1, 1) })).toMatchObject({ status: 201 })
  })

  it('checks in from soon on, once, and is not cancelled then but checked out, early too', async () => {
    const { driver, another, spaceId, state, events } = await scene()
    const { id } = (await reserve(driver, { space_id: spaceId, ...time(0.5, 3) })).body
    expect(await act(driver, id, 'check-in')).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('too early') },
    })
    expect(await act(driver, id, 'check-out')).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('has not begun') },
    })
    fixture.baywire.clock.advance(0.4 * hour)
    const checkedIn = await act(driver, id, 'check-in')
    expect(checkedIn).toMatchObject({ status: 200, etag: '"2"', body: { state: 'confirmed', checked_in_at: inMs(0) } })
    expect((await act(driver, id, 'check-in')).body).toEqual(checkedIn.body)
    expect(await state()).toMatchObject({ reservation: 'soon' })
    expect(await act(driver, id, 'cancel')).toMatchObject({ status: 409 })
    expect(await act(driver, id, 'check-out')).toMatchObject({ status: 200, body: { state: 'completed' } })
    expect(await events()).toEqual(['reserved_soon', 'checked_in', 'released'])
    expect(await reserve(another('driver'), { space_id: spaceId, ...time(0.1, 3) })).toMatchObject({ status: 201 })
  })

  it('checks out of an active one: completed, and the rest is free', async () => {
    const { driver, another, spaceId, state, events } = await scene()
    const { id } = (await reserve(driver, { space_id: spaceId, ...time(0, 3) })).body
    await act(driver, id, 'check-in')
    fixture.baywire.clock.advance(hour)
    const out = await act(driver, id, 'check-out')
    expect(out.body).toMatchObject({ state: 'completed', checked_out_at: inMs(0), ended_at: inMs(0) })
    expect((await act(driver, id, 'check-out')).body).toEqual(out.body)
    expect(await state()).toMatchObject({ reservation: 'none' })
    expect(await events()).toEqual(['reserved', 'checked_in', 'released'])
    expect(await reserve(another('driver'), { space_id: spaceId, ...time(0, 2) })).toMatchObject({ status: 201 })
  })

  it('extends as far as nobody is in the way and the policy allows', async () => {
    const { driver, another, spaceId, policy } = await scene()
    await policy({ max_reservation_s: 5 * 3600 })
    const { id } = (await reserve(driver, { space_id: spaceId, ...time(1, 2) })).body
    const next = await reserve(another('driver'), { space_id: spaceId, ...time(4, 5) })
    const to = (ms: number) => act(driver, id, 'extend', { end: inMs(ms) })
    expect(await to(4 * hour + 1)).toMatchObject({ status: 409 })
    const longer = await to(4 * hour)
    expect(longer).toMatchObject({ status: 200, etag: '"2"', body: { end: inMs(4 * hour) } })
    expect(await to(4 * hour)).toMatchObject({ status: 200, etag: '"2"' })
    expect(await to(3 * hour)).toMatchObject({ status: 422, body: { errors: [{ path: 'end' }] } })
    await act(another('operator'), next.body.id, 'cancel')
    expect(await to(6 * hour + 1)).toMatchObject({ status: 422, body: { errors: [{ path: 'end' }] } })
    expect(await to(6 * hour)).toMatchObject({ status: 200 })
    expect(await act(driver, id, 'extend', { end: `${inMs(6 * hour).slice(0, -1)}1Z` })).toMatchObject({ status: 422 })
  })

  it('moves before it begins to a space that is as good, and is shown there', async () => {
    const { owner, driver, spaceIds, state } = await scene(['A1', 'A2', 'A3'])
    const [one = '', two = '', three = ''] = spaceIds
    for (const id of [one, three]) {
      // oxlint-disable-next-line no-await-in-loop -- in turn
      await owner('PATCH', `/spaces/${id}`, { json: { features: ['ev'] }, ifMatch: '"1"' })
    }
    const made = await reserve(driver, { space_id: one, ...time(0.1, 1) })
    const moved = await act(driver, made.body.id, 'move')
    expect(moved).toMatchObject({ status: 200, etag: '"2"', body: { id: made.body.id, space_id: three, space: 'A3' } })
    expect(await state(one)).toMatchObject({ reservation: 'none' })
    expect(await state(two)).toMatchObject({ reservation: 'none' })
    expect(await state(three)).toMatchObject({ reservation: 'soon' })
    expect(await reserve(driver, { space_id: one, ...time(0.1, 1) })).toMatchObject({ status: 201 })
    expect(await act(driver, made.body.id, 'move')).toMatchObject({ status: 409 })
  })

  it('moves once it is contested, and not when it has begun well', async () => {
    const slug = `ingest-${newId().slice(-6)}`
    const id = await fixture.baywire.tenant(slug, ['S1', 'S2'])
    const { driver, spaceIds } = await fixture.inTenant(id)
    const [one = '', two = ''] = spaceIds
    await fixture.baywire.deliver(`parking/v1/${slug}/devices/S1/reading`, { occupied: true })
    fixture.baywire.clock.advance(1000)
    const made = await reserve(driver, { space_id: one, ...time(0, 1) })
    expect(made.body).toMatchObject({ state: 'active', contested_at: inMs(0) })
    const moves = await Promise.all([1, 2, 3].map(() => act(driver, made.body.id, 'move')))
    expect(statusesOf(moves)).toEqual([200, 409, 409])
    const read = await driver('GET', `/reservations/${made.body.id}`)
    expect(read.body).toMatchObject({ space_id: two, state: 'active', contested_at: null })
    expect(await driver('GET', `/spaces/${one}`)).toMatchObject({ body: { state: { status: 'occupied' } } })
    expect(await driver('GET', `/spaces/${two}`)).toMatchObject({ body: { state: { reservation: 'active' } } })
  })

  it('shows who comes next as soon as the one before has left', async () => {
    const { driver, another, spaceId, state } = await scene()
    const { id } = (await reserve(driver, { space_id: spaceId, ...time(0, 0.2) })).body
    const next = await reserve(another('driver'), { space_id: spaceId, ...time(0.2, 1) })
    expect(next.status).toBe(201)
    expect(await state()).toMatchObject({ reservation: 'active' })
    await act(driver, id, 'check-out')
    expect(await state()).toMatchObject({ reservation: 'soon' })
  })

  test('the same action many times at once is done once', async () => {
    const { driver, spaceId, events } = await scene()
    const { id } = (await reserve(driver, { space_id: spaceId, ...time(0, 1) })).body
    for (const action of ['check-in', 'check-out']) {
      // oxlint-disable-next-line no-await-in-loop -- in turn
      const answers = await Promise.all(Array.from({ length: 10 }, () => act(driver, id, action)))
      expect(statusesOf(answers)).toEqual(Array.from({ length: 10 }, () => 200))
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    }
    expect(await events()).toEqual(['reserved', 'checked_in', 'released'])
  })
})

describe('whose it is', () => {
  it("another driver's is as one that does not exist, and operators act on all, which is audited", async () => {
    const { driver, another, operator, viewer, spaceId, audit } = await scene()
    const { id } = (await reserve(driver, { space_id: spaceId, ...time(2, 3) })).body
    const other = another('driver')
    for (const [method, path] of [
      ['GET', ''],
      ['PUT', '/cancel'],
      ['PUT', '/check-in'],
      ['PUT', '/move'],
    ] as const) {
      // oxlint-disable no-await-in-loop -- in turn
      const [theirs, none] = [
        await other(method, `/reservations/${id}${path}`),
        await other(method, `/reservations/${newId()}${path}`),
      ]
      // oxlint-enable no-await-in-loop
      expect(theirs.status).toBe(404)
      expect(withoutRequestId(theirs)).toEqual(withoutRequestId(none))
    }
    expect((await other('GET', '/reservations')).body.items).toEqual([])
    expect((await other('GET', '/reservations?holder=all')).status).toBe(403)
    expect((await viewer('PUT', `/reservations/${id}/cancel`)).status).toBe(403)
    expect((await operator('GET', '/reservations')).body.items).toMatchObject([{ id }])
    expect((await operator('GET', '/reservations?holder=me')).body.items).toEqual([])
    expect(await audit()).toEqual([])
    await driver('PUT', `/reservations/${id}/extend`, { json: { end: inMs(4 * hour) } })
    expect(await audit()).toEqual([])
    expect((await operator('PUT', `/reservations/${id}/cancel`)).status).toBe(200)
    await operator('PUT', `/reservations/${id}/cancel`)
    expect(await audit()).toEqual(['reservation.cancelled'])
  })

  it('lists by space, site, state and time, in pages', async () => {
    const { driver, operator, siteId, spaceIds } = await scene(['A1', 'A2'])
    const [one = '', two = ''] = spaceIds
    const ids: string[] = []
    for (const [space, from] of [
      [one, 2],
      [two, 2],
      [one, 5],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- in the order of their ids
      ids.push((await reserve(driver, { space_id: space, ...time(from, from + 1) })).body.id)
    }
    await driver('PUT', `/reservations/${ids[1]}/cancel`)
    const list = async (query: string) =>
      (await operator('GET', `/reservations?${query}`)).body.items.map((item: { id: string }) => ids.indexOf(item.id))
    expect(await list(`space_id=${one}`)).toEqual([0, 2])
    expect(await list(`site_id=${siteId}`)).toEqual([0, 1, 2])
    expect(await list(`site_id=${newId()}`)).toEqual([])
    expect(await list('state=cancelled')).toEqual([1])
    expect(await list(`from=${encodeURIComponent(inMs(3 * hour))}`)).toEqual([2])
    expect(await list(`to=${encodeURIComponent(inMs(5 * hour))}`)).toEqual([0, 1])
    expect(await list('contested=true')).toEqual([])
    const first = await operator('GET', '/reservations?limit=2')
    const second = await operator('GET', `/reservations?limit=2&cursor=${first.body.next}`)
    expect([...first.body.items, ...second.body.items].map(({ id }) => id)).toEqual(ids)
    expect(second.body.next).toBeNull()
    const finer = await operator('GET', '/reservations?from=2026-01-01T00:00:00.0001Z')
    expect(finer).toMatchObject({ status: 422, body: { errors: [{ path: 'from' }] } })
  })
})

describe('when a space is free', () => {
  it('is told in intervals, and whose bookings they are to managers alone', async () => {
    const { driver, another, operator, spaceId } = await scene()
    const first = await reserve(driver, { space_id: spaceId, ...time(1, 2) })
    const second = await reserve(another('driver'), { space_id: spaceId, ...time(2, 3) })
    await reserve(driver, { space_id: spaceId, ...time(4, 5), hold: true })
    await operator('POST', '/overrides', { json: { space_id: spaceId, kind: 'blocked', ends_at: inMs(1.5 * hour) } })
    const query = `from=${inMs(0)}&to=${inMs(6 * hour)}`
    const ask = async (who: Caller) => (await who('GET', `/spaces/${spaceId}/availability?${query}`)).body
    const cut = (from: number, to: number, state: string) => ({ from: inMs(from * hour), to: inMs(to * hour), state })
    expect(await ask(driver)).toEqual({
      space_id: spaceId,
      from: inMs(0),
      to: inMs(6 * hour),
      intervals: [
        cut(0, 1.5, 'blocked'),
        cut(1.5, 3, 'taken'),
        cut(3, 4, 'free'),
        cut(4, 5, 'held'),
        cut(5, 6, 'free'),
      ],
    })
    const managed = (await ask(operator)).intervals.map(({ reservation_id: id }: { reservation_id?: string }) => id)
    expect(managed.slice(1, 3)).toEqual([first.body.id, second.body.id])
    fixture.baywire.clock.advance(300_000)
    // Nobody wrote so yet: the hold has expired all the same.
    const later = (await driver('GET', `/spaces/${spaceId}/availability?${query}`)).body.intervals
    expect(later.at(-1).state).toBe('free')
    expect(later.map(({ state }: { state: string }) => state)).not.toContain('held')
  })

  it('takes times as reservations do, and spaces of the tenant alone', async () => {
    const { driver, spaceId } = await scene()
    const theirs = await scene()
    const ask = (id: string, from: string, to: string) =>
      driver('GET', `/spaces/${id}/availability?from=${from}&to=${to}`)
    expect(await ask(spaceId, inMs(hour), inMs(0))).toMatchObject({ status: 422, body: { errors: [{ path: 'to' }] } })
    expect(await ask(spaceId, inMs(0), inMs(401 * 24 * hour))).toMatchObject({ status: 422 })
    expect(await ask(spaceId, inMs(0).replace('Z', '1Z'), inMs(hour))).toMatchObject({ status: 422 })
    const [last, tooLate] = ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59-01:00']
    expect(await ask(spaceId, '9999-12-01T00:00:00Z', last)).toMatchObject({ status: 200 })
    expect(await ask(spaceId, last, tooLate)).toMatchObject({ status: 422, body: { errors: [{ path: 'to' }] } })
    expect((await driver('GET', `/spaces/${spaceId}/availability?from=${inMs(0)}`)).status).toBe(400)
    const [foreign, nothing] = [await ask(theirs.spaceId, inMs(0), inMs(hour)), await ask(newId(), inMs(0), inMs(hour))]
    expect(foreign.status).toBe(404)
    expect(withoutRequestId(foreign)).toEqual(withoutRequestId(nothing))
  })
})
