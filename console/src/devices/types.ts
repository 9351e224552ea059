import type { InferResponseType } from 'hono/client'
import type { BaywireClient } from '../../../src/api/client.ts'

type Api = BaywireClient['api']['v1']
export type Device = InferResponseType<Api['devices']['$get'], 200>['items'][number]
export type Gateway = InferResponseType<Api['gateways']['$get'], 200>['items'][number]
export type Orphan = InferResponseType<Api['orphans']['$get'], 200>['items'][number]
export type Claimed = InferResponseType<Api['orphans'][':code']['claim']['$post'], 201>
export type Space = InferResponseType<Api['spaces']['$get'], 200>['items'][number]
export type Issued = InferResponseType<Api['devices'][':id']['rotate']['$post'], 200>['credentials']
