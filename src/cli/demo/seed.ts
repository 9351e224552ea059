import { createCredential } from '../../store/credentials.ts'
import { inTenant, provision } from '../../store/provision.ts'
import type { TenantDatabase } from '../../store/transactions.ts'
import { demoSites, demoTenant, sensorOf, spareSpace, type DemoSite } from './town.ts'

/** The demo as it stands in the database, with the secrets that were made for this run. */
export interface Demo {
  tenant: string
  sites: readonly (DemoSite & { gateway: { code: string; secret: string } })[]
  spare: { site: string; space: string; device: string; secret: string }
}

/** Makes the tenant, its sites, spaces and sensors where they are missing, and new secrets each time. */
export async function seedDemo(database: TenantDatabase): Promise<Demo> {
  const sites = demoSites()
  const create = { name: 'Demo town', public: true }
  return await inTenant(database, { slug: demoTenant, create }, async (tx) => {
    const spaces = sites.flatMap((each) => each.spaces)
    await provision(tx, {
      sites: sites.map(({ site }) => site),
      spaces,
      gateways: sites.map(({ site }) => site.code),
      devices: spaces.map(({ site, code }) => ({ code: deviceAt(site, code), at: { site, space: code } })),
    })
    const made: Demo['sites'][number][] = []
    for (const each of sites) {
      const { code } = each.site
      // oxlint-disable-next-line no-await-in-loop -- one transaction takes one statement at a time
      made.push({ ...each, gateway: { code, secret: await createCredential(tx, { kind: 'gateways', code }) } })
    }
    const secret = await createCredential(tx, { kind: 'devices', code: spareSpace.device })
    const { site, code: space, device } = spareSpace
    return { tenant: demoTenant, sites: made, spare: { site, space, device, secret } }
  })
}

function deviceAt(site: string, code: string): string {
  return site === spareSpace.site && code === spareSpace.code ? spareSpace.device : sensorOf({ site, code })
}
