import type { Chance } from '../../support/seeded.ts'
import { faultsOf, LeakScan, parsedJson, storedBy } from './answers.ts'
import { brokenJson, farTimes, naughtyFor } from './hostile-strings.ts'
import type { Findings } from './matrix.ts'
import type { Operation, Schema } from './operations.ts'
import { allPermissions } from './matrix-people.ts'
import { prepare, send, type Answer, type Prepared, type Sender, type Subject } from './requests.ts'

/**
 * Bad input for every route of the OpenAPI document. Each case is a right request with one thing wrong with it: the answer is a
 * problem of a known type that tells nothing of the inside, and never a fault of ours.
 */
export async function hostilityOf(
  subject: Subject,
  { operations, chance }: { operations: readonly Operation[]; chance: Chance },
): Promise<Findings> {
  const findings: Findings = { cases: 0, faults: [] }
  for (const operation of operations) {
    try {
      await new OperationHostility({ subject, operation, chance, findings }).all()
    } catch (error) {
      findings.faults.push(error instanceof Error ? error.message : String(error))
    }
  }
  await hostileMethods(subject, { operations, findings })
  return findings
}

const MOST_BYTES = 1_048_576

class OperationHostility {
  readonly #subject: Subject
  readonly #operation: Operation
  readonly #chance: Chance
  readonly #findings: Findings
  readonly #scan: LeakScan

  constructor(options: { subject: Subject; operation: Operation; chance: Chance; findings: Findings }) {
    this.#subject = options.subject
    this.#operation = options.operation
    this.#chance = options.chance
    this.#findings = options.findings
    this.#scan = new LeakScan(options.subject.world)
  }

  async all(): Promise<void> {
    if (this.#operation.secured) await this.#credentials()
    await this.#parameters()
    if (this.#operation.bodies.size > 0) {
      await this.#bodies()
      await this.#fields()
    }
  }

  async #credentials(): Promise<void> {
    const { people } = this.#subject
    const request = await this.#sample()
    const { token } = people.owner
    const wrong: Record<string, Sender> = {
      'no token': undefined,
      'an empty header': { authorization: '' },
      'a scheme alone': { authorization: 'Bearer' },
      'no scheme': { authorization: token },
      'another scheme': { authorization: `Basic ${Buffer.from(`a:${token}`).toString('base64')}` },
      'two tokens': { authorization: `Bearer ${token} ${token}` },
      'a long token': { authorization: `Bearer ${'x'.repeat(9000)}` },
      'three dots': { authorization: 'Bearer ...' },
      'a token that says it needs no signature': { authorization: `Bearer ${unsigned()}` },
    }
    for (const [name, refused] of Object.entries(people.refused))
      wrong[`a token that is: ${name}`] = { authorization: `Bearer ${refused}` }
    for (const [name, sender] of Object.entries(wrong)) await this.#expect(name, request, { sender, statuses: [401] })
    if (this.#operation.permission === undefined) return
    const others = allPermissions.filter((one) => one !== this.#operation.permission)
    for (const scopes of [[], others]) {
      await this.#expect(`a key of ${scopes.length} other scopes`, request, {
        sender: await people.apiKey(scopes),
        statuses: [403],
      })
    }
  }

  async #parameters(): Promise<void> {
    const { operation } = { operation: this.#operation }
    const unknown = await this.#sample()
    unknown.query['unknown_parameter'] = '1'
    // Of routes that take no query at all some may look away: what is in the document is what they take.
    if (operation.query.length > 0) await this.#expect('an unknown parameter', unknown, { statuses: [400] })
    for (const name of operation.pathParameters) {
      for (const text of this.#naughty()) {
        const request = await this.#sample()
        request.params[name] = text
        if (text !== '' && isSendable(text))
          await this.#expect(`${JSON.stringify(text.slice(0, 40))} as {${name}}`, request)
      }
    }
    for (const { name, schema } of operation.query) {
      for (const text of [...this.#naughty(), ...farTimes(schema.format)]) {
        const request = await this.#sample()
        request.query[name] = text
        await this.#expect(`${JSON.stringify(text.slice(0, 40))} as ${name}`, request)
      }
    }
    if (operation.needsRevision) await this.#revisions()
  }

  async #revisions(): Promise<void> {
    for (const [value, status] of [
      [undefined, 428],
      ['"999999"', 412],
      ['*', 412],
      ['W/"1"', 412],
      ['1', 412],
      ['"1", "2"', 412],
      [`"${'9'.repeat(30)}"`, 412],
    ] as const) {
      const request = await this.#sample()
      delete request.headers['If-Match']
      if (value !== undefined) request.headers['If-Match'] = value
      await this.#expect(`If-Match: ${value}`, request, { statuses: [status] })
    }
  }

  async #bodies(): Promise<void> {
    const json = this.#operation.bodies.has('application/json')
    const refused = json ? [400] : CLIENT_ERRORS
    for (const bytes of brokenJson(this.#chance))
      await this.#expectBody(`broken JSON ${bytes.toString('latin1').slice(0, 30)}`, bytes, refused)
    for (const text of ['null', '[]', '"text"', '1', 'true', `[${'{}'.repeat(1)}]`])
      await this.#expectBody(`${text} as a body`, text, refused)
    await this.#expectBody('deep brackets', '['.repeat(100_000), refused)
    await this.#expectBody('deep objects', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, refused)
    await this.#expectBody('not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), refused)
    const large = 'x'.repeat(MOST_BYTES + 1)
    await this.#expectBody('a large body', large, [413])
    await this.#expectBody('a large body in chunks', inChunks(large), [413])
    await this.#noBody()
    for (const type of ['text/plain', 'application/xml', 'application/json-seq', 'multipart/form-data', '']) {
      if (this.#operation.bodies.has(type)) continue
      const request = await this.#sample()
      request.body = typeof request.body === 'string' ? request.body : JSON.stringify(request.body)
      request.contentType = type
      await this.#expect(`the content type ${type}`, request, { statuses: CLIENT_ERRORS })
    }
  }

  /** A POST may ask for nothing but defaults; a change that lost its body is none that anybody asked for. */
  async #noBody(): Promise<void> {
    const { method, bodies } = this.#operation
    const required = [...bodies.values()].every((schema) => schema.required.length > 0)
    const request = { ...(await this.#sample()), body: undefined, contentType: undefined }
    await this.#expect('no body', request, required || method !== 'POST' ? { statuses: CLIENT_ERRORS } : {})
  }

  async #expectBody(name: string, body: string | Buffer | ReadableStream, statuses: readonly number[]): Promise<void> {
    const request = await this.#sample()
    await this.#expect(name, { ...request, body }, { statuses })
  }

  async #fields(): Promise<void> {
    const schema = this.#operation.bodies.get('application/json')
    const { body } = await this.#sample()
    if (schema === undefined || typeof body !== 'object' || body === null || Array.isArray(body)) return
    for (const name of ['unknown_field', '__proto__', 'tenant_id', 'id', 'revision']) {
      if (schema.properties.has(name)) continue
      await this.#expectField(`the unknown field ${name}`, { name, value: 'x', statuses: [400] })
    }
    for (const [name, property] of schema.properties) {
      for (const value of wrongTypes(property)) {
        await this.#expectField(`${JSON.stringify(value)} as ${name}`, { name, value, statuses: [400] })
      }
      for (const value of farInside(property, (body as Record<string, unknown>)[name]))
        await this.#expectField(`${JSON.stringify(value)} as ${name}`, { name, value })
      if (!property.types.includes('string')) continue
      for (const value of [...this.#naughty(), ...farTimes(property.format)]) {
        await this.#expectField(`${JSON.stringify(value.slice(0, 40))} as ${name}`, { name, value })
      }
    }
    for (const name of schema.required) {
      const request = await this.#sample()
      const { [name]: _, ...rest } = request.body as Record<string, unknown>
      await this.#expect(`no ${name}`, { ...request, body: rest }, { statuses: [400] })
    }
  }

  async #expectField(
    what: string,
    { name, value, statuses }: { name: string; value: unknown; statuses?: readonly number[] },
  ): Promise<void> {
    const request = await this.#sample()
    // As text, since a field called __proto__ is not one of an object that is written here.
    const rest = JSON.stringify({ ...(request.body as object), [name === '__proto__' ? 'x' : name]: undefined }).slice(
      1,
      -1,
    )
    const body = `{${rest}${rest === '' ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(value)}}`
    await this.#expect(what, { ...request, body }, statuses === undefined ? {} : { statuses })
  }

  #naughty(): readonly string[] {
    return naughtyFor(this.#chance)
  }

  async #sample(): Promise<Prepared> {
    const { people, world } = this.#subject
    return await prepare(this.#subject, { operation: this.#operation, tenant: world.one, person: people.owner })
  }

  /** @param options.statuses the only ones that are right; without them, any that is no fault of ours */
  async #expect(
    what: string,
    request: Prepared,
    options: { sender?: Sender; statuses?: readonly number[] } = {},
  ): Promise<void> {
    this.#findings.cases += 1
    const sender =
      'sender' in options ? options.sender : this.#operation.secured ? this.#subject.people.owner : undefined
    const answer = await send(this.#subject, request, sender)
    const faults = [...faultsOf(answer), ...this.#scan.leaksIn(answer)]
    if (answer.status < 400 && this.#operation.secured) faults.push(...storedBy(answer))
    if (options.statuses?.includes(answer.status) === false)
      faults.push(`is answered ${brief(answer)} and not ${options.statuses.join(' or ')}`)
    for (const fault of faults) this.#findings.faults.push(`${this.#operation.name}: ${what}: ${fault}`)
  }
}

const CLIENT_ERRORS = [400, 413, 415, 422]

/** Whatever a URL does not take is refused with what it takes. */
async function hostileMethods(
  subject: Subject,
  { operations, findings }: { operations: readonly Operation[]; findings: Findings },
): Promise<void> {
  const taken = new Map<string, string[]>()
  for (const { path, method } of operations) taken.set(path, [...(taken.get(path) ?? []), method])
  for (const operation of operations) {
    const methods = taken.get(operation.path) ?? []
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
      if (methods.includes(method) || overlaps({ operation, method, operations })) continue
      taken.set(operation.path, [...methods, method])
      const params = Object.fromEntries(operation.pathParameters.map((name) => [name, 'a']))
      const request = {
        operation: { ...operation, method },
        params,
        query: {},
        body: undefined,
        contentType: undefined,
        headers: {},
        expects: undefined,
        refusesKeys: false,
      }
      const answer = await send(subject, request, subject.people.owner)
      findings.cases += 1
      const faults = faultsOf(answer)
      if (answer.status !== 405 || !answer.headers['allow'])
        faults.push(`is answered ${brief(answer)} and not 405 with Allow`)
      for (const fault of faults) findings.faults.push(`${method} ${operation.path}: ${fault}`)
    }
  }
}

/** `/spaces/export` is `/spaces/{id}` to a method that it does not take itself. */
function overlaps({
  operation,
  method,
  operations,
}: {
  operation: Operation
  method: string
  operations: readonly Operation[]
}): boolean {
  const segments = operation.path.split('/')
  return operations.some((other) => {
    const theirs = other.path.split('/')
    return (
      other.method === method &&
      theirs.length === segments.length &&
      theirs.every(
        (segment, at) => segment.startsWith('{') || segments[at]?.startsWith('{') || segment === segments[at],
      )
    )
  })
}

/** A value of each type that the field is not of. */
function wrongTypes({ types, loose, properties, items }: Schema): unknown[] {
  if (types.length === 0 || loose) return []
  const values: [string, unknown][] = [
    ['string', 'text'],
    ['number', 1.5],
    ['boolean', true],
    ['array', [[]]],
    ['object', { unknown_field: 1 }],
    ['null', null],
  ]
  const takes = (type: string): boolean => types.includes(type) || (type === 'number' && types.includes('integer'))
  const wrong = values.filter(([type]) => !takes(type)).map(([, value]) => value)
  if (types.includes('integer')) wrong.push(1.5)
  if (types.includes('object') && properties.size > 0) wrong.push({ unknown_field: 1 })
  if (types.includes('array') && items !== undefined && items.types.length > 0 && !items.loose)
    wrong.push(...wrongTypes(items).map((value) => [value]))
  return wrong
}

/** Filters have their times inside. */
function farInside({ properties }: Schema, value: unknown): unknown[] {
  const given = typeof value === 'object' ? value : {}
  return [...properties].flatMap(([name, { format }]) => farTimes(format).map((time) => ({ ...given, [name]: time })))
}

function inChunks(text: string): ReadableStream {
  const bytes = Buffer.from(text)
  let sent = 0
  return new ReadableStream({
    pull(controller) {
      if (sent >= bytes.length) return controller.close()
      controller.enqueue(bytes.subarray(sent, (sent += 65_536)))
    },
  })
}

function unsigned(): string {
  const parts = [
    { alg: 'none', typ: 'at+jwt' },
    { sub: 'owner', exp: 9_999_999_999 },
  ]
  return parts.map((part) => `${Buffer.from(JSON.stringify(part)).toString('base64url')}.`).join('')
}

/** Lone surrogates are nothing that a URL can hold, and a segment of dots is none. */
function isSendable(text: string): boolean {
  return !/\p{Surrogate}/u.test(text) && !/^\.{1,2}$/.test(text)
}

function brief({ status, text }: Answer): string {
  const body = parsedJson(text)
  return `${status} ${JSON.stringify(body ?? text).slice(0, 200)}`
}
