import { changeTenant, eraseTenant, readTenant } from '../../administration/tenant.ts'
import type { Tenant, TenantFields } from '../../store/tenants.ts'
import type { Api } from '../app.ts'
import { etagOf, expectedRevision } from '../revision.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { changeRoute, eraseRoute, readRoute } from './tenant-descriptions.ts'

export function addTenantRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(readRoute, async (c) => {
    const tenant = await inOwnTenant(c, options, readTenant)
    c.header('ETag', etagOf(tenant))
    return c.json(tenantBody(tenant), 200)
  })

  app.openapi(changeRoute, async (c) => {
    const change = { revision: expectedRevision(c), fields: fieldsOf(c.req.valid('json')) }
    const tenant = await inOwnTenant(c, options, (tx, actor) => changeTenant(tx, actor, change))
    c.header('ETag', etagOf(tenant))
    return c.json(tenantBody(tenant), 200)
  })

  app.openapi(eraseRoute, async (c) => {
    const which = { slug: c.req.valid('json').slug, revision: expectedRevision(c) }
    await inOwnTenant(c, options, (tx, actor) => eraseTenant(tx, actor, which))
    return c.body(null, 204)
  })
}

interface GivenFields {
  name?: string | undefined
  public?: boolean | undefined
  password_rules?: object | null | undefined
}

function fieldsOf({ name, public: opened, password_rules: passwordRules }: GivenFields): Partial<TenantFields> {
  return {
    ...(name === undefined ? {} : { name }),
    ...(opened === undefined ? {} : { public: opened }),
    ...(passwordRules === undefined ? {} : { passwordRules }),
  }
}

interface Rules {
  min_length?: number
  classes?: true
  history?: number
  expiry_days?: number
}

function tenantBody({ id, slug, name, public: opened, passwordRules, createdAt }: Tenant) {
  const rules = passwordRules as Rules | null
  return { id, slug, name, public: opened, password_rules: rules, created_at: createdAt.toISOString() }
}
