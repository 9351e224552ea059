import { problemBody } from '../../../src/api/schemas.ts'
import { problemKinds, problemType } from '../../../src/api/problem.ts'
import type { ErrorCode } from '../../../src/api/errors.ts'
import type { World, WorldTenant } from '../../support/tenant-world.ts'
import type { Answer } from './requests.ts'

/** What may be wrong with any answer, whatever was asked. Each fault is one line; none is good. */
const problemTypes = new Set(Object.keys(problemKinds).map((code) => problemType(code as ErrorCode)))

/** Stacks, SQL, paths of files and names of what is inside. */
const inside =
  /\bat .{1,80}:\d+:\d+|node_modules|\.[tj]s:\d+|file:\/\/|PostgresError|Drizzle|ZodError|TypeError|Failed query|syntax error at|violates |relation "|column "|\b(?:select|delete) .{1,80} from |insert into |\/(?:home|root|work|usr|tmp)\//i

export function faultsOf(answer: Answer): string[] {
  const faults: string[] = []
  if (answer.status >= 500) faults.push(`is a fault of ours: ${answer.status}`)
  if (answer.headers['x-content-type-options'] !== 'nosniff') faults.push('lacks X-Content-Type-Options: nosniff')
  if (!answer.headers['x-request-id']) faults.push('lacks X-Request-Id')
  return answer.status < 400 ? faults : [...faults, ...faultsOfProblem(answer)]
}

function faultsOfProblem({ status, headers, text }: Answer): string[] {
  if (headers['content-type'] !== 'application/problem+json') return [`is ${status} and no problem document`]
  const parsed = problemBody.strict().safeParse(parsedJson(text))
  if (!parsed.success) return [`is ${status} and not a problem of the known shape`]
  const faults: string[] = []
  const { type, detail, title, errors = [], status: told } = parsed.data
  if (!problemTypes.has(type)) faults.push(`has the unknown type ${type}`)
  if (told !== status) faults.push(`says ${told} and is ${status}`)
  if (headers['cache-control'] !== 'no-store') faults.push('is a problem that may be stored')
  if (status === 401 && !headers['www-authenticate']) faults.push('is 401 without WWW-Authenticate')
  const words = [detail, title, ...errors.map(({ message }) => message)].join('\n')
  const shown = inside.exec(words)?.[0]
  if (shown !== undefined) faults.push(`tells of the inside: ${shown}`)
  return faults
}

/** Of an answer to somebody who is signed in: nothing on the way may keep it. */
export function storedBy({ headers }: Answer): string[] {
  return /\b(?:no-store|private)\b/.test(headers['cache-control'] ?? '') ? [] : ['may be stored by others']
}

export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Ids and markers of the tenants whose rows are not to be seen, found in what was answered. */
export class LeakScan {
  readonly #secrets: readonly string[]

  constructor({ one, two, three }: World) {
    const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/
    const secretsOf = ({ id, marker, rows }: WorldTenant) => [
      id,
      marker,
      ...[...rows.values()].flatMap((row) =>
        Object.values(row).filter((value) => typeof value === 'string' && uuid.test(value)),
      ),
    ]
    const own = new Set(secretsOf(one))
    this.#secrets = [...secretsOf(two), ...secretsOf(three)].map(String).filter((secret) => !own.has(secret))
  }

  /** @param tried what was sent, which a problem may repeat */
  leaksIn({ text, headers }: Answer, tried: readonly string[] = []): string[] {
    const all = `${text}\n${Object.values(headers).join('\n')}`
    return this.#secrets
      .filter((secret) => !tried.includes(secret) && all.includes(secret))
      .map((secret) => `shows ${secret} of another tenant`)
  }
}

/** An answer without what differs between any two: for comparing one about a foreign id with one about none. */
export function comparable({ status, headers, text }: Answer, tried: readonly string[]): string {
  const changing = ['x-request-id', 'date', 'ratelimit', 'ratelimit-policy']
  const kept = Object.entries(headers).filter(([name]) => !changing.includes(name))
  const body = parsedJson(text)
  const requestId = headers['x-request-id'] ?? 'none'
  const told = JSON.stringify({ status, headers: kept.toSorted(([a], [b]) => a.localeCompare(b)), body: body ?? text })
  return [requestId, ...tried].reduce(
    (rest, one) => rest.replaceAll(one, '<id>').replaceAll(encodeURIComponent(one), '<id>'),
    told,
  )
}
