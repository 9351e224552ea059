/**
 * Who may publish and subscribe where. Everything that is not named here is refused, so wildcards above
 * one's own level, `$SYS`, `$share` and `$CONTROL` need no rule of their own.
 */
import { codePattern } from '../ids.ts'
import { mostTopicBytes } from './frames.ts'
import { availabilityTopic, commandTopic, stateTopic, type Topic } from './topics.ts'

export interface Principal {
  tenant: string
  kind: 'device' | 'gateway' | 'app'
  code: string
}

/** Who proved to be whom, and by what. */
export interface Identity extends Principal {
  /** The credential: when it ends, so does the session. */
  credential?: CredentialKey
  /** Limits of its own, where it has them; what it has not is that of its kind. */
  limits?: OwnLimits
}

/** An id alone says which; it is found by its tenant's id. */
export interface CredentialKey {
  tenantId: string
  id: string
}

export interface OwnLimits {
  messagesPerS?: number | undefined
  inFlight?: number | undefined
}

const kinds = new Map<string, Principal['kind']>([
  ['devices', 'device'],
  ['gateways', 'gateway'],
  ['apps', 'app'],
])

/** `{tenant}/devices/{device}`, `{tenant}/gateways/{gateway}` or `{tenant}/apps/{app}`. */
export function parseUsername(username: string): Principal | undefined {
  const [tenant = '', group = '', code = '', ...rest] = username.split('/')
  const kind = kinds.get(group)
  if (kind === undefined || rest.length > 0) return undefined
  return codePattern.test(tenant) && codePattern.test(code) ? { tenant, kind, code } : undefined
}

export function usernameOf(principal: Principal): string {
  return `${principal.tenant}/${principal.kind}s/${principal.code}`
}

/** A device: its own reading, status and ack. A gateway: its own readings and status. An app: nothing. */
export function mayPublish(principal: Principal, topic: Topic): boolean {
  if (topic.tenant !== principal.tenant) return false
  switch (topic.kind) {
    case 'reading':
    case 'ack':
      return principal.kind === 'device' && topic.device === principal.code
    case 'readings':
      return principal.kind === 'gateway' && topic.gateway === principal.code
    case 'status':
      return principal.kind !== 'app' && topic[principal.kind] === principal.code
    case 'command':
    case 'state':
    case 'availability':
      return false
  }
}

/** A last will may only say that its own sender is gone. */
export function mayBequeath(principal: Principal, topic: Topic): boolean {
  return topic.kind === 'status' && mayPublish(principal, topic)
}

/** A device or gateway: its own command. An app: state and availability of its tenant, `+` for site and space. */
export function maySubscribe(principal: Principal, filter: string): boolean {
  if (filter.length > mostTopicBytes) return false
  if (principal.kind !== 'app') return filter === commandTopic(principal.tenant, principal.kind, principal.code)
  const levels = filter.split('/')
  const [site = '', space = ''] = [levels[4], levels[6]]
  if (!isCodeOrWildcard(site)) return false
  if (filter === availabilityTopic(principal.tenant, site)) return true
  return isCodeOrWildcard(space) && filter === stateTopic(principal.tenant, site, space)
}

function isCodeOrWildcard(level: string): boolean {
  return level === '+' || codePattern.test(level)
}
