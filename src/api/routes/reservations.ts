import type { Context } from 'hono'
import type { Actor } from '../../auth/principal.ts'
import { cancel, checkIn, checkOut, confirm, extend } from '../../reservations/actions.ts'
import type { Act } from '../../reservations/act.ts'
import { readAvailability } from '../../reservations/availability.ts'
import { reserve, type WantedReservation } from '../../reservations/create.ts'
import { move } from '../../reservations/move.ts'
import { listReservations, readReservation } from '../../reservations/read.ts'
import type { Reservation } from '../../store/reservations.ts'
import type { TenantWriterTransaction } from '../../store/transactions.ts'
import type { Api } from '../app.ts'
import type { ApiEnv } from '../context.ts'
import { steppingOncePerKey } from '../idempotency.ts'
import { inOwnTenant, writingInOwnTenant } from '../signed-in.ts'
import { pageBy, pageOf, setCreated, setEtag } from './places.ts'
import { intervalToBody, reservationToBody } from './reservation-bodies.ts'
import {
  availabilityRoute,
  cancelRoute,
  checkInRoute,
  checkOutRoute,
  confirmRoute,
  createReservationRoute,
  extendRoute,
  listRoute,
  moveRoute,
  readRoute,
  RESERVATIONS,
} from './reservations-descriptions.ts'
import type { SpaceRoutesOptions } from './spaces.ts'

export function addReservationRoutes(app: Api, options: SpaceRoutesOptions): void {
  addReading(app, options)
  addMaking(app, options)
  addActions(app, options)
}

function addReading(app: Api, options: SpaceRoutesOptions): void {
  const { clock } = options.stepping

  app.openapi(listRoute, async (c) => {
    const { limit, cursor, space_id: spaceId, site_id: siteId, holder: whose, ...filters } = c.req.valid('query')
    const page = { ...pageOf('reservations', { limit, cursor }), ...filters, spaceId, siteId, whose, clock }
    const rows = await inOwnTenant(c, options, (tx, actor) => listReservations(tx, actor, page))
    return c.json(pageBy(rows, { list: 'reservations', limit, key: (row) => row.id, item: reservationToBody }), 200)
  })

  app.openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param')
    const found = await inOwnTenant(c, options, (tx, actor) => readReservation(tx, actor, { id, clock }))
    setEtag(c, found)
    return c.json(reservationToBody(found), 200)
  })

  app.openapi(availabilityRoute, async (c) => {
    const { id: spaceId } = c.req.valid('param')
    const asked = { spaceId, ...c.req.valid('query'), clock }
    const { from, to, intervals } = await inOwnTenant(c, options, (tx, actor) => readAvailability(tx, actor, asked))
    const body = {
      space_id: spaceId,
      from: from.toISOString(),
      to: to.toISOString(),
      intervals: intervals.map(intervalToBody),
    }
    return c.json(body, 200)
  })
}

function addMaking(app: Api, options: SpaceRoutesOptions): void {
  const { stepping } = options

  app.openapi(createReservationRoute, async (c) => {
    const { space_id: spaceId, site_id: siteId = '', features = [], vehicle = null, ...times } = c.req.valid('json')
    const { start, end, hold = false } = times
    const where = spaceId === undefined ? { siteId, features } : { spaceId }
    const wanted: WantedReservation = { where, start, end, vehicle, hold }
    return await steppingOncePerKey(c, options, async (tx, actor) => {
      const made = await reserve(tx, actor, { wanted, stepping })
      setCreated(c, { path: RESERVATIONS, row: made })
      return c.json(reservationToBody(made), 201)
    })
  })
}

type Verb = (tx: TenantWriterTransaction, actor: Actor, which: Act) => Promise<Reservation>

function addActions(app: Api, options: SpaceRoutesOptions): void {
  async function run(c: Context<ApiEnv>, verb: (tx: TenantWriterTransaction, actor: Actor) => Promise<Reservation>) {
    const changed = await writingInOwnTenant(c, options, verb)
    setEtag(c, changed)
    return c.json(reservationToBody(changed), 200)
  }
  const { stepping } = options
  const of = (c: Context<ApiEnv>, { id }: { id: string }, verb: Verb) =>
    run(c, (tx, actor) => verb(tx, actor, { id, stepping }))

  app.openapi(confirmRoute, (c) => of(c, c.req.valid('param'), confirm))
  app.openapi(cancelRoute, (c) => of(c, c.req.valid('param'), cancel))
  app.openapi(checkInRoute, (c) => of(c, c.req.valid('param'), checkIn))
  app.openapi(checkOutRoute, (c) => of(c, c.req.valid('param'), checkOut))
  app.openapi(moveRoute, (c) => of(c, c.req.valid('param'), move))

  app.openapi(extendRoute, (c) => {
    const which = { ...c.req.valid('param'), ...c.req.valid('json'), stepping }
    return run(c, (tx, actor) => extend(tx, actor, which))
  })
}
