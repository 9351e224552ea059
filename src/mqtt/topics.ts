/**
 * The topics of the MQTT contract, parsed and built. A topic that does not parse belongs to nobody.
 * Codes contain neither `/` nor a wildcard, so a topic that parses is never a filter.
 */
import { codePattern } from '../ids.ts'

export type Topic =
  | { kind: 'reading' | 'command' | 'ack'; tenant: string; device: string }
  | { kind: 'readings'; tenant: string; gateway: string }
  | { kind: 'status'; tenant: string; device: string; gateway?: never }
  | { kind: 'status'; tenant: string; gateway: string; device?: never }
  | { kind: 'state'; tenant: string; site: string; space: string }
  | { kind: 'availability'; tenant: string; site: string }

const root = 'parking/v1'
/** Topics remembered at most; then all of them are parsed anew. */
const topicsKept = 50_000
const parsed = new Map<string, Readonly<Topic>>()

/** Runs for each message, and the same topics come again and again: so those that parse are remembered. */
export function parseTopic(topic: string): Readonly<Topic> | undefined {
  const known = parsed.get(topic)
  if (known !== undefined) return known
  const result = parseLevels(topic)
  if (result === undefined) return undefined
  if (parsed.size >= topicsKept) parsed.clear()
  parsed.set(topic, result)
  return result
}

function parseLevels(topic: string): Topic | undefined {
  const levels = topic.split('/')
  const [parking, version, tenant = '', group, name = '', leaf, space = '', spaceLeaf] = levels
  if (parking !== 'parking' || version !== 'v1') return undefined
  if (!codePattern.test(tenant) || !codePattern.test(name)) return undefined
  if (levels.length === 8) {
    const isState = group === 'sites' && leaf === 'spaces' && spaceLeaf === 'state' && codePattern.test(space)
    return isState ? { kind: 'state', tenant, site: name, space } : undefined
  }
  if (levels.length !== 6) return undefined
  switch (`${group}/${leaf}`) {
    case 'devices/reading':
      return { kind: 'reading', tenant, device: name }
    case 'devices/status':
      return { kind: 'status', tenant, device: name }
    case 'devices/command':
      return { kind: 'command', tenant, device: name }
    case 'devices/ack':
      return { kind: 'ack', tenant, device: name }
    case 'gateways/readings':
      return { kind: 'readings', tenant, gateway: name }
    case 'gateways/status':
      return { kind: 'status', tenant, gateway: name }
    case 'sites/availability':
      return { kind: 'availability', tenant, site: name }
    default:
      return undefined
  }
}

export function readingTopic(tenant: string, device: string): string {
  return `${root}/${tenant}/devices/${device}/reading`
}

export function readingsTopic(tenant: string, gateway: string): string {
  return `${root}/${tenant}/gateways/${gateway}/readings`
}

export function statusTopic(tenant: string, kind: 'device' | 'gateway', name: string): string {
  return `${root}/${tenant}/${kind}s/${name}/status`
}

export function commandTopic(tenant: string, kind: 'device' | 'gateway', name: string): string {
  return `${root}/${tenant}/${kind}s/${name}/command`
}

export function ackTopic(tenant: string, device: string): string {
  return `${root}/${tenant}/devices/${device}/ack`
}

export function stateTopic(tenant: string, site: string, space: string): string {
  return `${root}/${tenant}/sites/${site}/spaces/${space}/state`
}

export function availabilityTopic(tenant: string, site: string): string {
  return `${root}/${tenant}/sites/${site}/availability`
}

export interface Subscription {
  filter: string
  /** Retained messages are wanted at each connection, or only when the session is new. */
  retained: 'always' | 'new_session'
  /**
   * Whether consumers may divide it among themselves. Presence is for each of them: of what a shared subscription
   * gives to one that is away, the others know nothing, and it would come back with what is no longer so.
   */
  divisible: boolean
}

/** What Baywire consumes from an external broker. No message matches two of them, so none is delivered twice. */
export const ingestSubscriptions: readonly Subscription[] = [
  { filter: readingTopic('+', '+'), retained: 'new_session', divisible: true },
  { filter: readingsTopic('+', '+'), retained: 'new_session', divisible: true },
  { filter: statusTopic('+', 'device', '+'), retained: 'always', divisible: false },
  { filter: statusTopic('+', 'gateway', '+'), retained: 'always', divisible: false },
  { filter: ackTopic('+', '+'), retained: 'new_session', divisible: true },
]
