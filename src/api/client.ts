import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi'
import { hc } from 'hono/client'
import type { Env, Schema } from 'hono/types'
import type * as audit from './routes/audit-descriptions.ts'
import type * as publicRoutes from './routes/public-descriptions.ts'

/**
 * The typed client: paths, parameters, bodies and answers as the descriptions of the routes have them. Each file of
 * descriptions is named in `Described`; nothing else of the server comes with it.
 */
type Described = [typeof audit, typeof publicRoutes]

type Handled<R extends RouteConfig> = ReturnType<typeof bare.openapi<R>>
declare const bare: OpenAPIHono

type SchemaOf<R> = R extends RouteConfig ? (Handled<R> extends OpenAPIHono<Env, infer S> ? S : never) : never
type RoutesOf<File> = File extends unknown ? { [Name in keyof File]: SchemaOf<File[Name]> }[keyof File] : never
type Together<Union> = (Union extends unknown ? (value: Union) => void : never) extends (value: infer All) => void
  ? All
  : never

type AllRoutes = Together<RoutesOf<Described[number]>>

export type BaywireApi = OpenAPIHono<Env, AllRoutes extends Schema ? AllRoutes : never>
export type BaywireClient = ReturnType<typeof hc<BaywireApi>>

export interface ClientOptions {
  /** An access token or an API key. */
  token?: string
  /** In place of the one of the platform. */
  fetch?: typeof fetch
}

/** @param url of the server, such as `https://parking.example.org` */
export function createClient(url: string, { token, ...options }: ClientOptions = {}): BaywireClient {
  return hc<BaywireApi>(url, {
    ...options,
    ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
  })
}
