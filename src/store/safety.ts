import type { Sql } from './client.ts'

/**
 * What a database must be for an acknowledgement to be worth something, and for row level security to hold.
 * Each answers what is wrong, to be shown to a person; undefined or nothing where all is well.
 */
export interface Fault {
  what: string
  advice: string
}

const lost: Record<string, string> = {
  fsync: 'a power cut can destroy the database',
  full_page_writes: 'a power cut can leave half-written pages',
  synchronous_commit: 'a crash loses readings that were acknowledged',
}

/** As this login has them: `ALTER ROLE … SET` and the URL may change what the server's file says. */
export async function durabilityFaults(sql: Sql): Promise<Fault[]> {
  const rows = await sql<{ name: string }[]>`
    select name from pg_settings where name = any(string_to_array(${Object.keys(lost).join()}, ',')) and setting = 'off'
    order by name`
  return rows.map(({ name }) => ({
    what: `${name} is off: ${lost[name] ?? ''}`,
    advice: `set ${name} = on in postgresql.conf, and on no role or database to off`,
  }))
}

/** The owner migrates, and its functions run with its rights: as a superuser they could do anything. */
export async function ownerFault(sql: Sql): Promise<Fault | undefined> {
  const [login] = await sql<{ name: string; superuser: boolean; bypass: boolean }[]>`
    select rolname as name, rolsuper as superuser, rolbypassrls as bypass from pg_roles where rolname = session_user`
  if (login === undefined || !(login.superuser || login.bypass)) return undefined
  return {
    what: `the login "${login.name}" ${login.superuser ? 'is a superuser' : 'has BYPASSRLS'}`,
    advice: 'make the database belong to a login of its own with CREATEROLE and nothing more: docs/deploy.md shows how',
  }
}
