import { addPerson, setMembership } from '../../../src/administration/people.ts'
import { wordList } from '../../../src/auth/common-passwords.ts'
import { PasswordHasher } from '../../../src/auth/hashing.ts'
import { passwordPresets } from '../../../src/auth/password-rules.ts'
import type { Role } from '../../../src/auth/permissions.ts'
import { createCredential } from '../../../src/store/credentials.ts'
import { inTenant, provision, type ProvisionPlan } from '../../../src/store/provision.ts'
import { tenantDatabase, type TenantDatabase } from '../../../src/store/transactions.ts'
import type { Identity } from '../../e2e/support/tenant.ts'

/** What a test of the console finds in the database: made by the store's own means, beside the program that runs. */
export class Town {
  readonly #database: TenantDatabase

  constructor(databaseUrl: string) {
    this.#database = tenantDatabase({ url: databaseUrl, max: 2, statementTimeoutMs: 30_000, name: 'console tests' })
  }

  /** A tenant with places, and a device for each space that is named in `devices` (its code at `site/space`). */
  async makeTenant(
    slug: string,
    {
      devices = [],
      ...plan
    }: Omit<ProvisionPlan, 'devices'> & { devices?: readonly { code: string; site: string; space: string }[] },
  ): Promise<Map<string, Identity>> {
    const identities = new Map<string, Identity>()
    await inTenant(this.#database, { slug, create: { name: `The ${slug} car parks`, public: false } }, async (tx) => {
      await provision(tx, {
        ...plan,
        devices: devices.map(({ code, site, space }) => ({ code, at: { site, space } })),
      })
      for (const { code } of devices) {
        // oxlint-disable-next-line no-await-in-loop -- one transaction takes one statement at a time
        const secret = await createCredential(tx, { kind: 'devices', code })
        identities.set(code, { username: `${slug}/devices/${code}`, secret })
      }
    })
    return identities
  }

  async addPerson({ email, password, tenant, role }: Person): Promise<void> {
    const hasher = await PasswordHasher.create({ memoryKib: 19_456, passes: 2, atOnce: 1, waiting: 1 })
    await addPerson(
      { database: this.#database, hasher, rules: { ...passwordPresets.modern, history: 5 }, words: wordList() },
      { email, name: 'Olga Operator', password, administrator: false, member: { slug: tenant, role } },
    )
  }

  /** Makes somebody a member of one more tenant. */
  async addMembership({ email, tenant, role }: Omit<Person, 'password'>): Promise<void> {
    await setMembership({ database: this.#database }, { email, slug: tenant, role })
  }

  /** For what only the store can do. */
  get database(): TenantDatabase {
    return this.#database
  }

  async close(): Promise<void> {
    await this.#database.close()
  }
}

export interface Person {
  email: string
  password: string
  tenant: string
  role: Role
}
