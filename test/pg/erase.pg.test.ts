import { EventEmitter, once } from 'node:events'
import { sql as fragment } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  eraseTenantByCommand,
  eraseTenantInParts,
  resumeTenant,
  suspendTenant,
} from '../../src/administration/platform.ts'
import { newId } from '../../src/ids.ts'
import { identify } from '../../src/ingest/credentials.ts'
import { credentialsFingerprint, readCredentials } from '../../src/store/broker-credentials.ts'
import { checkCredentials, createCredential, credentialChannel } from '../../src/store/credentials.ts'
import { compareBooks } from '../../src/store/reconcile.ts'
import { countTenant, eraseLogPart } from '../../src/store/tenants.ts'
import { tenantDatabase, type TenantDatabase, type TenantTransaction } from '../../src/store/transactions.ts'
import { eventually } from '../support/program.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

/** A tenant is suspended, and erased, while its sensors go on sending. */
let baywire: TestIngest
let tenants: TenantDatabase
const devices = ['A1', 'A2', 'A3']

beforeAll(async () => {
  baywire = await startTestIngest()
  tenants = tenantDatabase({ url: baywire.ownerUrl, max: 4, statementTimeoutMs: 20_000, name: 'test api' })
})
afterAll(async () => {
  await tenants.close()
  await baywire.close()
})

const send = (slug: string, device: string, seq: number) =>
  baywire.deliver(`parking/v1/${slug}/devices/${device}/reading`, { occupied: seq % 2 === 1, seq, boot: 1 })

/** Of every table and partition that has a column of that name, how many rows are the tenant's. */
async function rowsOf(tenantId: string): Promise<Record<string, number>> {
  const tables = await baywire.sql<{ name: string }[]>`
    SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped`
  expect(tables.length).toBeGreaterThan(25)
  const counted = await Promise.all(
    tables.map(async ({ name }) => {
      const [row] = await baywire.sql<{ count: number }[]>`
        SELECT count(*)::int AS count FROM ${baywire.sql(name)} WHERE tenant_id = ${tenantId}`
      return [name, row?.count ?? 0] as const
    }),
  )
  return Object.fromEntries(counted.filter(([, count]) => count > 0))
}

/** A row in each table that readings do not reach. */
async function fill(tenantId: string): Promise<{ userId: string }> {
  const { sql } = baywire
  const userId = newId()
  await sql`insert into users (id, email, name) values (${userId}, ${`${userId}@example.org`}, 'Somebody')`
  await sql`insert into memberships (tenant_id, user_id, role) values (${tenantId}, ${userId}, 'owner')`
  await sql`
    insert into api_keys (tenant_id, id, name, prefix, key_hash, scopes, created_by)
    values (${tenantId}, ${newId()}, 'key', 'bw', ${Buffer.from(userId)}, '{}', ${userId})`
  await sql`
    insert into invites (tenant_id, id, email, role, token_hash, invited_by, expires_at)
    values (${tenantId}, ${newId()}, 'a@example.org', 'viewer', ${Buffer.from(userId)}, ${userId}, now())`
  await sql`
    insert into sessions (id, user_id, tenant_id, refresh_hash, device, address_area, remember, idle_expires_at, expires_at)
    values (${newId()}, ${userId}, ${tenantId}, ${Buffer.from(userId)}, 'd', 'a', false, now(), now())`
  await sql`
    insert into overrides (tenant_id, id, space_id, kind, starts_at, created_by)
    select tenant_id, ${newId()}, id, 'blocked', now(), 'user' from spaces where tenant_id = ${tenantId} limit 1`
  await sql`insert into policies (tenant_id, version, scope, fields) values (${tenantId}, 1, 'tenant', '{}')`
  await sql`insert into ledger_days (tenant_id, day) values (${tenantId}, '2026-01-01')`
  await sql`
    insert into idempotency_keys (tenant_id, principal, method, route, key, fingerprint, lease_until)
    values (${tenantId}, 'user:1', 'POST', '/x', 'k', '', now())`
  await tenants.withTenant(tenantId, (tx) => createCredential(tx, { kind: 'devices', code: 'A1' }))
  return { userId }
}

describe('erasing a tenant', () => {
  it('leaves no row of it in any table, its audit log apart, and touches no other tenant', async () => {
    const [gone, other] = [await baywire.tenant('gone', devices), await baywire.tenant('other', devices)]
    for (const slug of ['gone', 'other']) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      for (const seq of [1, 2, 3]) await Promise.all(devices.map((device) => send(slug, device, seq)))
      // oxlint-disable-next-line no-await-in-loop
      await send(slug, 'ghost', 1)
    }
    const { userId } = await fill(gone)
    await fill(other)
    const [before, untouched] = [await rowsOf(gone), await rowsOf(other)]
    expect(Object.keys(before)).toEqual(expect.arrayContaining(['readings', 'space_events', 'overrides', 'sessions']))
    const counts = await tenants.withTenant(gone, countTenant)
    expect(counts).toMatchObject({ spaces: 3, devices: 3, readings: 10, members: 1, api_keys: 1 })

    const rows = await tenants.withTenant(gone, eraseTenantByCommand)
    expect(rows).toMatchObject({ spaces: 3, devices: 3, readings: 10, memberships: 1 })
    expect(await rowsOf(gone)).toEqual({ audit_log: 1, audit_heads: 1 })
    expect(await rowsOf(other)).toEqual(untouched)
    const [entry] = await baywire.sql`
      select actor_kind, action, detail ->> 'slug' as slug from audit_log where tenant_id = ${gone} order by seq desc limit 1`
    expect(entry).toEqual({ actor_kind: 'command', action: 'tenant.erased', slug: 'gone' })
    expect(await baywire.sql`select from users where id = ${userId}`).toHaveLength(1)
    expect(await baywire.sql`select from sessions where user_id = ${userId} and tenant_id is null`).toHaveLength(1)

    const again = await baywire.tenant('gone', devices)
    expect(again).not.toBe(gone)
    const own = await tenants.withTenant(again, countTenant)
    expect(own).toMatchObject({ devices: 3, readings: 0, events: 0, members: 0 })
    await send('gone', 'A1', 1)
    expect((await tenants.withTenant(again, countTenant)).readings).toBe(1)
    await baywire.expectSound()
  })

  it('while its sensors send: all that is answered is answered, and nothing of it is left', async () => {
    for (let round = 0; round < 10; round += 1) {
      const slug = `busy-${round}`
      // oxlint-disable-next-line no-await-in-loop -- one round after the other
      const id = await baywire.tenant(slug, devices)
      const other = `beside-${round}`
      // oxlint-disable-next-line no-await-in-loop
      const otherId = await baywire.tenant(other, devices)
      // oxlint-disable-next-line no-await-in-loop
      await send(slug, 'A1', 1)
      const stop = new AbortController()
      const sending = [slug, other].flatMap((one) => devices.map((device) => sendOn(one, device, stop.signal)))
      // oxlint-disable-next-line no-await-in-loop
      await tenants.withTenant(id, eraseTenantByCommand)
      // oxlint-disable-next-line no-await-in-loop -- somebody who is refused, and knows it
      await Promise.all(devices.map((device) => send(slug, device, 1_000_000)))
      stop.abort()
      // oxlint-disable-next-line no-await-in-loop
      for (const sent of await Promise.all(sending)) expect(sent).toBeGreaterThan(0)
      // oxlint-disable-next-line no-await-in-loop
      expect(await rowsOf(id)).toEqual({ audit_log: 1, audit_heads: 1 })
      // oxlint-disable-next-line no-await-in-loop
      expect((await tenants.withTenant(otherId, countTenant)).readings).toBeGreaterThan(0)
    }
    await baywire.expectSound()
  })

  it('is done in a transaction of its own tenant alone', async () => {
    const [one, two] = [await baywire.tenant('own-1', []), await baywire.tenant('own-2', [])]
    const attempt = tenants.withTenant(one, async (tx) => {
      await tx.execute(fragment`select erase_tenant(${two}::uuid)`)
    })
    await expect(attempt).rejects.toMatchObject({ cause: { code: '42501' } })
    expect((await rowsOf(two))['sites']).toBe(1)
  })

  it('twice at once is once', async () => {
    const id = await baywire.tenant('twice', devices)
    const attempts = await Promise.allSettled([1, 2, 3].map(() => tenants.withTenant(id, eraseTenantByCommand)))
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await rowsOf(id)).toEqual({ audit_log: 1, audit_heads: 1 })
  })
})

/** Of noon of yesterday and of the day before, a few minutes each: 12 readings and 8. */
async function sendOfOld(slug: string): Promise<void> {
  const now = baywire.clock.now()
  const midnight = now - (now % 86_400_000)
  const times = [-36 * 60, -36 * 60 + 10, -36 * 60 + 20, -12 * 60, -12 * 60 + 10]
  for (const [seq, minutes] of times.entries()) {
    baywire.clock.set(midnight + minutes * 60_000)
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await Promise.all([...devices, 'ghost'].map((device) => send(slug, device, seq + 1)))
  }
  baywire.clock.set(now)
}

const inTenant =
  (id: string) =>
  <T>(work: (tx: TenantTransaction) => Promise<T>): Promise<T> =>
    tenants.withTenant(id, work)

const smallPart = (id: string, most: number) =>
  tenants.withTenant(id, async (tx) => {
    const [row] = await tx.execute<{ counts: Record<string, number> }>(
      fragment`select erase_log_part(${id}::uuid, ${most}) as counts`,
    )
    return row?.counts ?? {}
  })

const isLast = (part?: Record<string, number>) => part !== undefined && Object.values(part).every((rows) => rows === 0)

async function booksOf(tenantId: string): Promise<{ received: number; imbalance: number }> {
  const { ledger, imbalance } = await baywire.system.withSnapshot((tx) => compareBooks(tx, { tenantId }))
  return { received: ledger.received, imbalance }
}

const actionsOf = async (tenantId: string) =>
  (
    await baywire.sql<{ action: string }[]>`select action from audit_log where tenant_id = ${tenantId} order by seq`
  ).map(({ action }) => action)

describe('erasing a tenant in parts', () => {
  it('holds up no reading, neither its own nor those of others in one batch with them, however long a part takes', async () => {
    const [slow, beside] = [await baywire.tenant('slow', devices), await baywire.tenant('beside', devices)]
    await sendOfOld('slow')
    const [release, held] = [new EventEmitter(), new EventEmitter()]
    const isHeld = once(held, 'held')
    const holding = baywire.sql.begin(async (tx) => {
      await tx`select from readings where tenant_id = ${slow} order by received_at limit 1 for update`
      held.emit('held')
      await once(release, 'now')
    })
    await isHeld
    const erasing = eraseTenantInParts(inTenant(slow))
    const waits = async () => {
      const waiting = await baywire.sql`
        select from pg_stat_activity where application_name = 'test api' and wait_event_type = 'Lock'
          and datname = current_database()`
      return waiting.length > 0
    }
    await eventually('a part that waits', waits)
    const answers = await Promise.all(
      ['slow', 'beside'].flatMap((slug) => devices.map((device) => send(slug, device, 100))),
    )
    expect(answers).toEqual(Array.from({ length: 6 }, () => 'acknowledged'))
    expect(await waits()).toBe(true)
    expect((await tenants.withTenant(slow, countTenant)).readings).toBe(23)

    release.emit('now')
    await holding
    expect(await erasing).toMatchObject({ readings: 23, devices: 3, spaces: 3 })
    expect(await rowsOf(slow)).toEqual({ audit_log: 2, audit_heads: 1 })
    expect(await actionsOf(slow)).toEqual(['tenant.erasure_begun', 'tenant.erased'])
    expect((await tenants.withTenant(beside, countTenant)).readings).toBe(3)
    await baywire.expectSound()
  })

  it('may end anywhere: it stays suspended, its books are those of what is left, and the same again goes on', async () => {
    const id = await baywire.tenant('halved', devices)
    await sendOfOld('halved')
    const begun = eraseTenantInParts(async (work) => {
      if (work === eraseLogPart) throw new Error('killed')
      return await tenants.withTenant(id, work)
    })
    await expect(begun).rejects.toThrow('killed')
    const left: number[] = []
    for (let part = 0; part < 5; part += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await smallPart(id, 5))['space_inputs']).toBeLessThanOrEqual(5)
      // oxlint-disable-next-line no-await-in-loop
      const { received, imbalance } = await booksOf(id)
      expect(imbalance).toBe(0)
      left.push(received)
    }
    expect(left).toEqual([12, 8, 0, 0, 0])
    const [tenant] = await baywire.sql`select suspended_at is not null as suspended from tenants where id = ${id}`
    expect(tenant).toEqual({ suspended: true })
    await expect(tenants.withTenant(id, resumeTenant)).rejects.toThrow('cannot be resumed')

    await eraseTenantInParts(inTenant(id))
    expect(await rowsOf(id)).toEqual({ audit_log: 2, audit_heads: 1 })
    await baywire.expectSound()
  })

  it('finds what was added to old minutes behind a part, what no device has any more, and what no book speaks of', async () => {
    const id = await baywire.tenant('behind', devices)
    await sendOfOld('behind')
    await tenants.withTenant(id, suspendTenant)
    await baywire.sql`update readings set device_id = ${newId()} where tenant_id = ${id} and device = 'A1'`
    await baywire.sql`select make_reading_partitions('2026-01-01', 1)`
    await baywire.sql`
      insert into readings (tenant_id, id, received_at, topic, outcome)
      values (${id}, ${newId()}, '2026-01-01T12:00:00Z', 'x', 'late')`
    const parts: Record<string, number>[] = []
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    while (!isLast(parts.at(-1))) parts.push(await smallPart(id, 1000))
    expect(parts.map(({ readings }) => readings)).toEqual([12, 8, 1, 0])

    await sendOfOld('behind')
    await tenants.withTenant(id, eraseTenantByCommand)
    expect(await rowsOf(id)).toEqual({ audit_log: 2, audit_heads: 1 })
    await baywire.expectSound()
  })

  it('only the log of the own tenant, while it is suspended', async () => {
    const [one, two] = [await baywire.tenant('live-1', devices), await baywire.tenant('live-2', devices)]
    await sendOfOld('live-2')
    await tenants.withTenant(two, suspendTenant)
    await expect(smallPart(one, 10)).rejects.toMatchObject({ cause: { code: '55000' } })
    const across = tenants.withTenant(one, (tx) => tx.execute(fragment`select erase_log_part(${two}::uuid, 10)`))
    await expect(across).rejects.toMatchObject({ cause: { code: '42501' } })
    expect((await booksOf(two)).received).toBe(20)
  })
})

/** One reading after the other, each when the one before it was answered; how many that were. */
async function sendOn(slug: string, device: string, signal: AbortSignal): Promise<number> {
  let sent = 0
  while (!signal.aborted) {
    sent += 1
    // oxlint-disable-next-line no-await-in-loop -- each waits for its acknowledgement
    await send(slug, device, sent + 1)
  }
  return sent
}

describe('a suspended tenant', () => {
  it('has no credential in force until it is resumed; brokers are told', async () => {
    const id = await baywire.tenant('paused', devices)
    const secret = await tenants.withTenant(id, (tx) => createCredential(tx, { kind: 'devices', code: 'A1' }))
    const [row] = await baywire.sql<
      { id: string }[]
    >`select id from credentials where tenant_id = ${id} and code = 'A1'`
    const username = 'paused/devices/A1'
    const used = [{ tenantId: id, id: row?.id ?? '', username }]
    const state = async () => ({
      letIn: (await identify(baywire.system, { username, secret: Buffer.from(secret) })) !== undefined,
      stays: (await baywire.system.withSystem((tx) => checkCredentials(tx, used))).length === 0,
      listed: (await baywire.system.withSystem(readCredentials)).some(({ tenant }) => tenant === 'paused'),
    })
    const fingerprint = () => baywire.system.withSystem(credentialsFingerprint)
    const first = await fingerprint()
    expect(await state()).toEqual({ letIn: true, stays: true, listed: true })

    const heard = new EventEmitter()
    const told = once(heard, 'notified')
    const { unlisten } = await baywire.sql.listen(credentialChannel, (payload) => heard.emit('notified', payload))
    await send('paused', 'A1', 1)
    await tenants.withTenant(id, suspendTenant)
    expect(await told).toEqual([id])
    await unlisten()
    expect(await state()).toEqual({ letIn: false, stays: false, listed: false })
    expect(await fingerprint()).not.toBe(first)
    expect((await tenants.withTenant(id, countTenant)).readings).toBe(1)

    await tenants.withTenant(id, resumeTenant)
    expect(await state()).toEqual({ letIn: true, stays: true, listed: true })
    expect(await fingerprint()).toBe(first)
  })
})
