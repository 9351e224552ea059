import type { Api } from '../app.ts'
import { addInviteRoutes, type InviteRoutesOptions } from './invites.ts'
import { addMemberRoutes } from './members.ts'
import { addTenantRoutes } from './tenant.ts'

export type TenancyRoutesOptions = InviteRoutesOptions

/** The tenant itself, and who belongs to it. */
export function addTenancyRoutes(app: Api, options: TenancyRoutesOptions): void {
  addTenantRoutes(app, options)
  addMemberRoutes(app, options)
  addInviteRoutes(app, options)
}
