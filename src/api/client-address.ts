import { isIP, type BlockList } from 'node:net'
import { getConnInfo } from '@hono/node-server/conninfo'
import type { Context, MiddlewareHandler } from 'hono'
import type { ApiEnv } from './context.ts'

/**
 * Where a request comes from. `X-Forwarded-For` is believed only as far as proxies that the operator lists have
 * written it: it is walked from the right, and the first address that is no such proxy is the client's.
 */
export interface ClientAddress {
  /** Undefined where there is none: of a socket that is gone, or of no socket at all. */
  readonly address: string | undefined
  /** What limits count by: the IPv4 address, or the /64 of an IPv6 one, in one spelling. `none` where there is no address. */
  readonly network: string
}

const HOPS = 32

/** @param trustedProxies as `BAYWIRE_TRUSTED_PROXIES` has been read */
export function findClient(trustedProxies: BlockList): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    c.set('client', clientOf(c, trustedProxies))
    await next()
  }
}

function clientOf(c: Context<ApiEnv>, trusted: BlockList): ClientAddress {
  const socket = canonicalAddress(socketAddress(c) ?? '')
  if (socket === undefined) return { address: undefined, network: 'none' }
  const hops = (c.req.header('X-Forwarded-For') ?? '').split(',').slice(-HOPS).toReversed()
  let address = socket
  for (const hop of hops) {
    if (!contains(trusted, address)) break
    const before = canonicalAddress(withoutPort(hop.trim()))
    // What a trusted proxy does not know is not guessed: then the proxy itself counts.
    if (before === undefined) break
    address = before
  }
  return { address, network: networkOf(address) }
}

function socketAddress(c: Context<ApiEnv>): string | undefined {
  // A request that did not come over the server, as in tests, has no connection.
  const bindings = c.env as { incoming?: unknown; server?: unknown } | undefined
  return bindings?.incoming === undefined && bindings?.server === undefined ? undefined : getConnInfo(c).remote.address
}

/** Some proxies write the port too: `203.0.113.9:4711`, `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(hop)
  if (bracketed !== null) return bracketed[1] ?? ''
  return /^[\d.]+:\d{1,5}$/.test(hop) ? hop.slice(0, hop.indexOf(':')) : hop
}

/** One spelling of each address; IPv4 in IPv6 (`::ffff:192.0.2.1`) is IPv4. Undefined for what is none. */
export function canonicalAddress(text: string): string | undefined {
  const bare = text.replace(/%.*$/, '')
  const version = isIP(bare)
  if (version === 4) return bare
  if (version !== 6) return undefined
  // The URL parser writes each address in one way, as RFC 5952 has it.
  const canonical = new URL(`http://[${bare}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(canonical)
  if (mapped === null) return canonical
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** A customer has at least a /64 of IPv6: counted by single addresses they would have 2^64 tries. */
export function networkOf(canonical: string): string {
  if (isIP(canonical) === 4) return canonical
  const [head = '', tail] = canonical.split('::', 2)
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - after.length }, () => '0')
  return `${[...groups, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}

function contains(list: BlockList, canonical: string): boolean {
  return list.check(canonical, isIP(canonical) === 6 ? 'ipv6' : 'ipv4')
}
