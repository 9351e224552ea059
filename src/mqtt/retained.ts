/**
 * What the embedded broker retains, by tenant: whoever subscribes names his own, so a subscription costs the topics of one
 * tenant, not of all. aedes' own store would try the filter on every topic of the installation.
 */
export interface Retained {
  topic: string
  payload: string | Buffer
}

type OfTenant<Packet> = Map<string, Packet>

export class RetainedMessages<Packet extends Retained> {
  readonly #tenants = new Map<string, OfTenant<Packet>>()

  /** An empty payload takes away what was there. */
  store(packet: Packet): void {
    const tenant = tenantOf(packet.topic)
    const known = this.#tenants.get(tenant)
    if (packet.payload.length > 0) {
      if (known === undefined) this.#tenants.set(tenant, new Map([[packet.topic, packet]]))
      else known.set(packet.topic, packet)
      return
    }
    known?.delete(packet.topic)
    if (known?.size === 0) this.#tenants.delete(tenant)
  }

  at(topic: string): Packet | undefined {
    return this.#tenants.get(tenantOf(topic))?.get(topic)
  }

  /** One after the other, each as it is when it is its turn. A filter has `+` for whole levels and nothing else. */
  *matching(filters: readonly string[]): Generator<Packet> {
    for (const filter of filters) {
      if (!filter.includes('+')) {
        const packet = this.at(filter)
        if (packet !== undefined) yield packet
        continue
      }
      const levels = filter.split('/')
      const ofTenant = this.#tenants.get(tenantOf(filter))
      for (const packet of ofTenant?.values() ?? []) if (matches(levels, packet.topic)) yield packet
    }
  }
}

/** `parking/v1/{tenant}/…`; anything else is together under what stands there. */
function tenantOf(topic: string): string {
  return topic.split('/', 3)[2] ?? ''
}

function matches(levels: readonly string[], topic: string): boolean {
  const given = topic.split('/')
  return given.length === levels.length && levels.every((level, index) => level === '+' || level === given[index])
}
