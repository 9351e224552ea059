import { newId } from '../../../src/ids.ts'
import type { Api } from '../../../src/api/app.ts'
import type { Sql } from '../../../src/store/client.ts'
import { addRow, type World, type WorldTenant } from '../../support/tenant-world.ts'
import type { Operation, Schema } from './operations.ts'
import type { People, Person } from './matrix-people.ts'
import { samples, tablesOfFields, tablesOfWords, type Sample } from './samples.ts'

/** What the suites of all routes work on. */
export interface Subject {
  app: Pick<Api, 'request'>
  owner: Sql
  world: World
  people: People
}

/** A request that is right for its route, until a suite spoils it. */
export interface Prepared {
  operation: Operation
  params: Record<string, string>
  query: Record<string, string>
  body: unknown
  contentType: string | undefined
  headers: Record<string, string>
  expects: number | undefined
  refusesKeys: boolean
}

export interface Answer {
  status: number
  headers: Record<string, string>
  text: string
}

/** @throws where no sample can be made up, saying what to add and where */
export async function prepare(
  subject: Subject,
  { operation, tenant, person }: { operation: Operation; tenant: WorldTenant; person: Person },
): Promise<Prepared> {
  const { owner, world, people } = subject
  const add = (table: string, replace = {}) => addRow(owner, { world, tenant, table, replace })
  if (operation.path.includes('/auth/')) await people.restore(person)
  const sample: Sample = (await samples[operation.name]?.({ tenant, person, add })) ?? {}
  const params: Record<string, string> = { ...sample.params }
  for (const name of operation.pathParameters)
    params[name] ??= await newResource(operation, { name, add, tables: world.maker.tables })
  const [contentType, schema] =
    [...operation.bodies].find(([type]) => type === (sample.contentType ?? 'application/json')) ?? []
  if (operation.bodies.size > 0 && sample.body === undefined && schema === undefined) {
    throw new Error(missing(operation, 'a body of another type than JSON'))
  }
  const prepared: Prepared = {
    operation,
    params,
    query: { ...requiredQuery(operation, tenant), ...sample.query },
    body: schema === undefined ? undefined : (sample.body ?? madeUp(schema, { tenant, name: '' })),
    contentType,
    headers: { ...sample.headers },
    expects: sample.expects,
    refusesKeys: sample.refusesKeys ?? false,
  }
  if (operation.needsRevision) prepared.headers['If-Match'] ??= await currentRevision(subject, prepared, people.owner)
  return prepared
}

function missing({ name }: Operation, what: string): string {
  return `${name}: no sample request can be made up (${what}). Add a line for it to test/api/support/samples.ts`
}

async function newResource(
  operation: Operation,
  {
    name,
    add,
    tables,
  }: { name: string; add: (table: string) => Promise<Record<string, unknown>>; tables: readonly string[] },
): Promise<string> {
  const word = /([\w-]+)\/\{(\w+)\}/g
  const before = [...operation.path.matchAll(word)].find(([, , parameter]) => parameter === name)?.[1]
  const { table = before?.replaceAll('-', '_') ?? '', column = 'id' } = tablesOfWords[before ?? ''] ?? {}
  if (!tables.includes(table)) throw new Error(missing(operation, `{${name}}: there is no table ${table}`))
  try {
    const row = await add(table)
    const id = row[column] ?? row[name] ?? row['code']
    if (typeof id === 'string') return id
  } catch (error) {
    throw new Error(missing(operation, `{${name}} of ${table}: ${error instanceof Error ? error.message : 'no row'}`), {
      cause: error,
    })
  }
  throw new Error(missing(operation, `{${name}} of ${table}`))
}

function requiredQuery(operation: Operation, tenant: WorldTenant): Record<string, string> {
  const required = operation.query.filter((one) => one.required)
  return Object.fromEntries(required.map(({ name, schema }) => [name, String(madeUp(schema, { tenant, name }))]))
}

async function currentRevision(subject: Subject, prepared: Prepared, person: Person): Promise<string> {
  const read = { ...prepared, operation: { ...prepared.operation, method: 'GET' }, body: undefined, query: {} }
  const answer = await send(subject, read, person)
  return answer.headers['etag'] ?? '"1"'
}

/** The table of the rows that a field names, if it names any. */
export function tableOfField(name: string): string | undefined {
  const one = name.replace(/_ids$/, '_id')
  return tablesOfFields[one] ?? (one.endsWith('_id') ? `${one.slice(0, -3)}s`.replace(/ys$/, 'ies') : undefined)
}

let count = 0

/** A value that fits a schema: its example, with the tenant's own rows and new codes in it. */
export function madeUp(schema: Schema, { tenant, name }: { tenant: WorldTenant; name: string }): unknown {
  count += 1
  const id = tenant.rows.get(tableOfField(name) ?? '')?.['id']
  if (id !== undefined) return name.endsWith('_ids') ? [id] : id
  if (name === 'code') return `made-up-${count}`
  if (name === 'email') return `made-up-${count}@example.com`
  if (schema.properties.size > 0) return madeUpObject(schema, { tenant })
  if (schema.example !== undefined) return schema.example
  if (schema.default !== undefined) return schema.default
  if (schema.enum !== undefined) return schema.enum[0]
  switch (schema.types[0]) {
    case 'array':
      return schema.items === undefined ? [] : [madeUp(schema.items, { tenant, name: '' })]
    case 'integer':
    case 'number':
      return schema.minimum ?? 1
    case 'boolean':
      return true
    case 'object':
      return {}
    default:
      return madeUpText(schema)
  }
}

function madeUpObject(schema: Schema, { tenant }: { tenant: WorldTenant }): Record<string, unknown> {
  const example = typeof schema.example === 'object' && schema.example !== null ? schema.example : {}
  const names = new Set([...Object.keys(example), ...schema.required])
  const value = (name: string): unknown => {
    const property = schema.properties.get(name)
    const shown: unknown = Reflect.get(example, name)
    if (property === undefined) return shown
    return madeUp(shown === undefined || property.properties.size > 0 ? property : { ...property, example: shown }, {
      tenant,
      name,
    })
  }
  return Object.fromEntries([...names].map((name) => [name, value(name)]))
}

function madeUpText({ format, minLength = 1 }: Schema): string {
  if (format === 'uuid') return newId()
  if (format === 'date-time') return '2999-01-01T00:00:00.000Z'
  if (format === 'email') return `made-up-${count}@example.com`
  return `made up ${count}`.padEnd(minLength, '.')
}

export function urlOf({ operation, params, query }: Pick<Prepared, 'operation' | 'params' | 'query'>): string {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const search = new URLSearchParams(query).toString()
  return search === '' ? path : `${path}?${search}`
}

/** Whoever sends: a person, a header as it is, or nobody. */
export type Sender = Person | { authorization: string } | undefined

export async function send(subject: Pick<Subject, 'app'>, prepared: Prepared, sender: Sender): Promise<Answer> {
  const headers: Record<string, string> = { ...prepared.headers }
  if (sender !== undefined)
    headers['Authorization'] = 'token' in sender ? `Bearer ${sender.token}` : sender.authorization
  const { operation, body, contentType } = prepared
  const init: RequestInit & { duplex?: 'half' } = { method: operation.method, headers }
  if (body !== undefined) {
    if (contentType !== undefined) headers['Content-Type'] = contentType
    const asIs = typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream
    init.body = asIs
      ? body
      : contentType === 'application/x-www-form-urlencoded'
        ? new URLSearchParams(body as Record<string, string>).toString()
        : JSON.stringify(body)
    if (body instanceof ReadableStream) init.duplex = 'half'
    else headers['Content-Length'] = String(Buffer.byteLength(init.body as string | Uint8Array))
  }
  const response = await subject.app.request(urlOf(prepared), init)
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
}
