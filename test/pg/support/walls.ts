/**
 * Behind which wall the rows of a table stand, said apart from the policies, so that a policy that is wrong is not its own
 * judge. All tables that are not named here hold rows of tenants and show those of one.
 */
export type Wall = 'tenant' | 'tenants' | 'door' | 'shared'

/** Tables that are not a tenant's: each with its reason. There are to be six at most. */
export const exceptions: Record<string, { wall: Wall; why: string }> = {
  tenants: { wall: 'tenants', why: 'they are the tenants: each sees itself' },
  leases: { wall: 'shared', why: 'who does what for all processes: nothing in it is of a tenant' },
  jobs: { wall: 'shared', why: 'which timers there are: nothing in it is of a tenant, and all may read it' },
  job_runs: { wall: 'shared', why: 'which timers ran: nothing in it is of a tenant, and all may read it' },
}

/** People and their logins, who belong to no tenant: behind the door of the accounts (`withAccounts`). */
export const accountTables = [
  'users',
  'passwords',
  'sessions',
  'spent_tokens',
  'codes',
  'guesses',
  'signing_keys',
  'rate_limits',
]

/** Read through the door too, across tenants: whoever logs in or brings a key has no tenant yet, and chains are checked
 * for all of them. */
export const readThroughDoor = ['tenants', 'memberships', 'invites', 'api_keys', 'audit_heads']

export function wallOf(table: string): Wall {
  if (accountTables.includes(table)) return 'door'
  return exceptions[table]?.wall ?? 'tenant'
}

/** Functions that run with the rights of the owner, and the test that holds each. */
export const definerFunctions: Record<string, string> = {
  make_reading_partitions: 'test/pg/catalogue.pg.test.ts: the api may not',
  drop_reading_partition: 'test/pg/retention-owner.pg.test.ts',
  tenant_by_slug: 'test/api/public.pg.test.ts',
  request_job: 'test/pg/job-requests.pg.test.ts',
  erase_tenant: 'test/pg/catalogue.pg.test.ts: a tenant is erased from within alone',
  erase_log_part: 'test/pg/erase.pg.test.ts: only the log of the own tenant, while it is suspended',
  take_rate_limits: 'test/api/rate-limits.pg.test.ts',
  chain_audit_entry: 'test/pg/catalogue.pg.test.ts: an entry is chained, whatever its numbers say',
}
