import { createCredential } from '../../../src/store/credentials.ts'
import { inTenant, provision } from '../../../src/store/provision.ts'
import { tenantDatabase } from '../../../src/store/transactions.ts'

/** A sensor or gateway that is known, and how it proves it. */
export interface Identity {
  username: string
  secret: string
}

/** A tenant open to the public, with a device at a space of the same code for each, and one gateway. */
export async function makeTenant(
  databaseUrl: string,
  { tenant, devices, gateway }: { tenant: string; devices: readonly string[]; gateway: string },
): Promise<{ devices: Identity[]; gateway: Identity }> {
  const database = tenantDatabase({ url: databaseUrl, max: 1, statementTimeoutMs: 10_000, name: 'e2e' })
  try {
    return await inTenant(database, { slug: tenant, create: { name: tenant, public: true } }, async (tx) => {
      await provision(tx, {
        sites: [{ code: 'main' }],
        spaces: devices.map((code) => ({ site: 'main', code })),
        devices: devices.map((code) => ({ code, at: { site: 'main', space: code } })),
        gateways: [gateway],
      })
      const identities: Identity[] = []
      for (const code of devices) {
        // oxlint-disable-next-line no-await-in-loop -- one transaction takes one statement at a time
        const secret = await createCredential(tx, { kind: 'devices', code })
        identities.push({ username: `${tenant}/devices/${code}`, secret })
      }
      const secret = await createCredential(tx, { kind: 'gateways', code: gateway })
      return { devices: identities, gateway: { username: `${tenant}/gateways/${gateway}`, secret } }
    })
  } finally {
    await database.close()
  }
}
