import type { Context } from 'hono'
import { requirePermission, type Principal } from '../../auth/principal.ts'
import { SocketSink } from '../../live/stream-socket.ts'
import type { Stream } from '../../live/stream.ts'
import type { Ticket } from '../../live/tickets.ts'
import { Refusal } from '../../refusal.ts'
import type { Api } from '../app.ts'
import { connectionOf, type Connection } from '../connection.ts'
import type { ApiEnv } from '../context.ts'
import { ApiError } from '../errors.ts'
import { WEB_SOCKET } from '../private-part.ts'
import { actorOf } from '../signed-in.ts'
import { withinTime } from '../time-limit.ts'
import { socketRoute, ticketRoute } from './live-descriptions.ts'
import { followerOf, holderOf, mayFollow, principalOf, type LiveRoutesOptions } from './live-followers.ts'

export function addSocketRoutes(app: Api, options: LiveRoutesOptions): void {
  const { tickets } = options.live
  app.openapi(ticketRoute, (c) => {
    const principal = c.get('principal')
    requirePermission({ principal }, 'places:read')
    const { ticket, expiresAt } = tickets.issue(actorOf(c).tenantId, holderOf(principal))
    return c.json({ ticket, url: `${WEB_SOCKET}?ticket=${ticket}`, expires_at: expiresAt.toISOString() }, 201)
  })

  app.openapi(socketRoute, async (c) => {
    const ticket = tickets.read(c.req.valid('query').ticket ?? '')
    if (ticket === undefined) throw noTicket()
    const connection = connectionOf(c)
    if (connection.upgrade !== true || c.req.header('Upgrade')?.toLowerCase() !== 'websocket') {
      throw new ApiError('malformed_request', 'This URL is for WebSockets: docs/live.md says how.')
    }
    checkOrigin(c, options.origins)
    await withinTime(redeem(connection, { ticket, options }), options.databaseWaitMs)
    return c.body(null, 200)
  })
}

/** Browsers say which page asks, and cannot be made to say another; whoever says nothing is no browser. */
function checkOrigin(c: Context<ApiEnv>, origins: readonly string[]): void {
  const origin = c.req.header('Origin')
  if (origin !== undefined && !origins.includes(origin)) {
    throw new Refusal('forbidden', 'Pages of this origin may not open a WebSocket here.')
  }
}

/** All that may be refused comes before the ticket is spent. */
async function redeem(
  connection: Connection,
  { ticket, options }: { ticket: Ticket; options: LiveRoutesOptions },
): Promise<void> {
  const { streams, tickets } = options.live
  const principal = await holderNow(ticket, options)
  const follower = followerOf(principal, ticket.tenantId)
  const hub = await streams.hub(ticket.tenantId)
  streams.admit(follower)
  if (!(await tickets.spend(ticket))) throw noTicket()
  connection.converse = (socket, below) => {
    const { stuckMs } = streams.settings
    const sink = (stream: () => Stream) => new SocketSink(socket, below, { stuckMs, stream })
    const { expiresAt } = principal
    streams.open(hub, { follower, sink, mayFollow: mayFollow(principal, options), expiresAt })
  }
}

async function holderNow({ holder, tenantId }: Ticket, { authenticator }: LiveRoutesOptions): Promise<Principal> {
  const principal = await authenticator.again?.(principalOf(holder, tenantId))
  if (principal?.tenant?.id !== tenantId) throw noTicket()
  requirePermission({ principal }, 'places:read')
  return principal
}

function noTicket(): Refusal {
  return new Refusal('unauthenticated', 'The ticket is none, was used, or is too old: ask for a new one.')
}
