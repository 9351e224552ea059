/** Row level security is forced on the owner too: what retention and erasure do as the owner must work where it is no superuser. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eraseTenantInParts } from '../../src/administration/platform.ts'
import { dropOldReadings } from '../../src/jobs/retention.ts'
import { createLog } from '../../src/log.ts'
import { connect } from '../../src/store/client.ts'
import { migrate } from '../../src/store/migrations.ts'
import { tenantDatabase } from '../../src/store/transactions.ts'
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'

const dayMs = 86_400_000
const owner = `owner_${process.pid}`
let baywire: TestIngest
let superuser: ReturnType<typeof connect>

beforeAll(async () => {
  baywire = await startTestIngest({}, databaseOfAnOwner)
})
afterAll(async () => {
  await baywire.close()
})

/** Owned by a login that may make roles and nothing more, as a hosted database gives. */
async function databaseOfAnOwner(): Promise<TestDatabase> {
  const database = await createEmptyDatabase()
  superuser = connect({ url: database.ownerUrl, max: 1, statementTimeoutMs: 10_000, name: 'superuser' })
  const url = new URL(database.ownerUrl)
  const name = url.pathname.slice(1)
  await superuser.unsafe(`create role ${owner} login createrole noinherit password 'of-the-test'`)
  await superuser.unsafe(`grant baywire_api, baywire_ingest to ${owner} with admin option`)
  await superuser.unsafe(`alter database ${name} owner to ${owner}`)
  url.username = owner
  url.password = 'of-the-test'
  await migrate(url.href, { onProgress: () => {} })
  return {
    ownerUrl: url.href,
    async drop() {
      await superuser.end({ timeout: 5 })
      await database.drop()
      const server = connect({
        url: database.ownerUrl.replace(name, 'postgres'),
        max: 1,
        statementTimeoutMs: 10_000,
        name: 'superuser',
      })
      await server.unsafe(`drop role ${owner}`)
      await server.end({ timeout: 5 })
    },
  }
}

test('an owner that is no superuser drops old readings', async () => {
  await baywire.tenant('owned', ['A1'])
  for (const age of [100, 10]) {
    baywire.clock.set(Date.now() - age * dayMs)
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await baywire.deliver('parking/v1/owned/devices/A1/reading', { occupied: age === 100, seq: 200 - age, boot: 1 })
  }
  const unseen = await baywire.sql`SELECT FROM readings`
  expect(unseen, 'the owner sees no reading').toHaveLength(0)

  const [log, signal] = [createLog({ level: 'silent' }), new AbortController().signal]
  expect(await dropOldReadings({ database: baywire.system, log, signal }, { days: 90 })).toMatchObject({
    result: 'succeeded',
  })
  const counts = await superuser`
    SELECT (SELECT count(*)::int FROM readings) AS readings, (SELECT count(*)::int FROM ledger_entries) AS entries,
      (SELECT sum(received)::int FROM ledger_days) AS dropped, (SELECT count(*)::int FROM space_checkpoints) AS checkpoints`
  expect([...counts]).toEqual([{ readings: 1, entries: 1, dropped: 1, checkpoints: 1 }])
  await baywire.expectSound()
})

test('an owner that is no superuser erases a tenant', async () => {
  const id = await baywire.tenant('erased', ['A1'])
  await baywire.tenant('kept', ['A1'])
  for (const age of [1, 0]) {
    baywire.clock.set(Date.now() - age * dayMs)
    const send = (slug: string) =>
      baywire.deliver(`parking/v1/${slug}/devices/A1/reading`, { occupied: true, seq: 2 - age, boot: 1 })
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await Promise.all([send('erased'), send('kept')])
  }
  const tenants = tenantDatabase({ url: baywire.ownerUrl, max: 1, statementTimeoutMs: 10_000, name: 'test api' })
  const gone = await eraseTenantInParts((work) => tenants.withTenant(id, work))
  expect(gone).toMatchObject({ readings: 2, devices: 1, spaces: 1 })
  await tenants.close()
  const left = await superuser`
    SELECT slug, (SELECT count(*)::int FROM readings r WHERE r.tenant_id = t.id) AS readings,
      (SELECT count(*)::int FROM devices d WHERE d.tenant_id = t.id) AS devices
    FROM tenants t WHERE slug IN ('erased', 'kept')`
  expect([...left]).toEqual([{ slug: 'kept', readings: 2, devices: 1 }])
  expect(await superuser`SELECT FROM readings WHERE tenant_id = ${id}`).toHaveLength(0)
  await baywire.expectSound()
})
