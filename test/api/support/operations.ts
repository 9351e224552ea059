import { z } from 'zod'
import type { Api } from '../../../src/api/app.ts'
import { permissions, type Permission } from '../../../src/auth/permissions.ts'

/** The routes as the OpenAPI document has them: what the suites of all routes are made from. */
export interface Operation {
  /** `GET /api/v1/sites/{id}` */
  name: string
  method: string
  path: string
  /** Only for those who are signed in. */
  secured: boolean
  permission: Permission | undefined
  pathParameters: string[]
  query: { name: string; schema: Schema; required: boolean }[]
  needsRevision: boolean
  /** By content type. */
  bodies: ReadonlyMap<string, Schema>
}

/** A JSON Schema whose references are resolved, as far as samples and wrong values need it. */
export interface Schema {
  types: readonly string[]
  format?: string | undefined
  pattern?: string | undefined
  enum?: readonly unknown[] | undefined
  example?: unknown
  default?: unknown
  minimum?: number | undefined
  minLength?: number | undefined
  properties: ReadonlyMap<string, Schema>
  required: readonly string[]
  items?: Schema | undefined
  /** It takes one of several shapes, so that a wrong type for one may be right for another. */
  loose: boolean
}

const anything = z.record(z.string(), z.unknown())
const parameter = z.looseObject({
  name: z.string(),
  in: z.string(),
  required: z.boolean().optional(),
  schema: anything.optional(),
})
const operation = z.looseObject({
  security: z.array(anything).optional(),
  'x-permission': z.string().optional(),
  parameters: z.array(parameter).optional(),
  requestBody: z
    .looseObject({ content: z.record(z.string(), z.looseObject({ schema: anything.optional() })) })
    .optional(),
})
const documentShape = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.looseObject({ schemas: z.record(z.string(), anything).optional() }).optional(),
})

export async function operationsOf(app: Pick<Api, 'request'>): Promise<Operation[]> {
  const document = documentShape.parse(await (await app.request('/openapi.json')).json())
  const resolve = resolver(document.components?.schemas ?? {})
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => operationOf({ path, method, described, resolve })),
  )
}

type Resolve = (schema: Record<string, unknown> | undefined) => Schema

function operationOf({
  path,
  method,
  described,
  resolve,
}: {
  path: string
  method: string
  described: z.infer<typeof operation>
  resolve: Resolve
}): Operation {
  const name = `${method.toUpperCase()} ${path}`
  const parameters = described.parameters ?? []
  return {
    name,
    method: method.toUpperCase(),
    path,
    // An empty one among them says that nobody has to be.
    secured:
      described.security !== undefined &&
      described.security.length > 0 &&
      described.security.every((one) => Object.keys(one).length > 0),
    permission: permissionOf(described['x-permission'], name),
    pathParameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, parameterName = '']) => parameterName),
    query: parameters
      .filter((one) => one.in === 'query')
      .map((one) => ({ name: one.name, schema: resolve(one.schema), required: one.required === true })),
    needsRevision:
      method === 'patch' || parameters.some((one) => one.in === 'header' && one.name.toLowerCase() === 'if-match'),
    bodies: new Map(
      Object.entries(described.requestBody?.content ?? {}).map(([type, { schema }]) => [type, resolve(schema)]),
    ),
  }
}

function permissionOf(name: string | undefined, operationName: string): Permission | undefined {
  if (name === undefined) return undefined
  if (!Object.hasOwn(permissions, name)) throw new Error(`${operationName}: x-permission ${name} is none`)
  return name as Permission
}

function resolver(components: Record<string, Record<string, unknown>>): Resolve {
  const resolve = (schema: Record<string, unknown> | undefined, depth = 0): Schema => {
    const found = followed(schema ?? {}, components)
    const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((word) => schemasOf(found[word]))
    const inner = depth > 8 ? [] : branches.map((branch) => resolve(branch, depth + 1))
    const properties = Object.entries((found['properties'] ?? {}) as Record<string, Record<string, unknown>>)
    return {
      types: [found['type'] ?? inner.flatMap(({ types }) => types)].flat().map(String),
      format: text(found['format']) ?? inner.find(({ format }) => format !== undefined)?.format,
      pattern: text(found['pattern']) ?? inner.find(({ pattern }) => pattern !== undefined)?.pattern,
      enum: Array.isArray(found['enum'])
        ? found['enum']
        : 'const' in found
          ? [found['const']]
          : inner.find((one) => one.enum)?.enum,
      example: found['example'] ?? schemasOf(found['examples'])[0],
      default: found['default'],
      minimum: typeof found['minimum'] === 'number' ? found['minimum'] : undefined,
      minLength: typeof found['minLength'] === 'number' ? found['minLength'] : undefined,
      properties: new Map([
        ...inner.flatMap((one) => [...one.properties]),
        ...properties.map(([name, property]): [string, Schema] => [name, resolve(property, depth + 1)]),
      ]),
      required: [
        ...(Array.isArray(found['required']) ? found['required'].map(String) : []),
        ...inner.flatMap((one) => ('allOf' in found ? one.required : [])),
      ],
      items:
        typeof found['items'] === 'object' && depth <= 8
          ? resolve(found['items'] as Record<string, unknown>, depth + 1)
          : undefined,
      loose: 'anyOf' in found || 'oneOf' in found,
    }
  }
  return (schema) => resolve(schema)
}

function followed(schema: Record<string, unknown>, components: Record<string, Record<string, unknown>>) {
  let found = schema
  for (let steps = 0; typeof found['$ref'] === 'string' && steps < 10; steps += 1) {
    const { $ref: reference, ...beside } = found as Record<string, unknown> & { $ref: string }
    found = { ...components[reference.replace('#/components/schemas/', '')], ...beside }
  }
  return found
}

function schemasOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value : []
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
