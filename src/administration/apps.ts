import { requirePermission, type Actor } from '../auth/principal.ts'
import { selectApps, type App } from '../store/apps.ts'
import { takeProvisioning } from '../store/provision-lock.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { issueFirst, revoke, rotate, type IssuedCredential, type Speaker } from './credentials.ts'
import { notFound } from './place-refusals.ts'

/** Apps read their tenant's state over MQTT. One is no more than its credentials: with the first it begins. */
export async function listApps(
  tx: TenantTransaction,
  actor: Actor,
  page: Parameters<typeof selectApps>[1],
): Promise<App[]> {
  requirePermission(actor, 'devices:read')
  return await selectApps(tx, page)
}

export interface MadeApp {
  app: App
  credentials: IssuedCredential
}

/** One whose credential was revoked may begin again. */
export async function createApp(tx: TenantTransaction, actor: Actor, code: string): Promise<MadeApp> {
  requirePermission(actor, 'devices:write')
  await takeProvisioning(tx)
  const credentials = await issueFirst(tx, actor, speaker(code))
  return { app: await appThatIsThere(tx, code), credentials }
}

export async function rotateApp(tx: TenantTransaction, actor: Actor, code: string): Promise<IssuedCredential> {
  requirePermission(actor, 'devices:write')
  await takeProvisioning(tx)
  await appThatIsThere(tx, code)
  return await rotate(tx, actor, speaker(code))
}

export async function revokeApp(tx: TenantTransaction, actor: Actor, code: string): Promise<App> {
  requirePermission(actor, 'devices:write')
  await takeProvisioning(tx)
  await appThatIsThere(tx, code)
  await revoke(tx, actor, speaker(code))
  return await appThatIsThere(tx, code)
}

async function appThatIsThere(tx: TenantTransaction, code: string): Promise<App> {
  const [app] = await selectApps(tx, { code, after: undefined, limit: 1 })
  if (app === undefined) throw notFound()
  return app
}

function speaker(code: string): Speaker {
  return { kind: 'apps', code, target: { kind: 'app', id: code } }
}
