import postgres from 'postgres'
import { BaywireError } from '../../errors.ts'
import { openSocket } from '../socket.ts'
import { errorCode } from './files.ts'

const databaseName = 'baywire'
export const superuser = 'baywire'

/** The embedded server under an address; `token` names the start that it comes from. */
export interface Address {
  port: number
  password: string
}

export function databaseUrl({ port, password }: Address, database = databaseName): string {
  return `postgres://${superuser}:${password}@127.0.0.1:${port}/${database}`
}

/**
 * Connects, makes sure that our database exists, and answers the token that the server was started with
 * (undefined: it does not accept connections at the moment). Throws when what listens there is not ours.
 */
export async function greet(address: Address): Promise<string | undefined> {
  try {
    return await readToken(databaseUrl(address))
  } catch (error) {
    if (errorCode(error) !== '3D000') return explain(error, address)
  }
  try {
    await withConnection(databaseUrl(address, 'postgres'), async (sql) => {
      await sql.unsafe(`create database ${databaseName}`).catch((error: unknown) => {
        if (!madeMeanwhile.has(errorCode(error) ?? '')) throw error
      })
    })
    return await readToken(databaseUrl(address))
  } catch (error) {
    return explain(error, address)
  }
}

/** duplicate_database, or unique_violation when two of us do it in the same moment. */
const madeMeanwhile = new Set(['42P04', '23505'])

async function readToken(url: string): Promise<string> {
  return await withConnection(url, async (sql) => {
    const [row] = await sql<{ token: string }[]>`select current_setting('baywire.token') as token`
    return row?.token ?? ''
  })
}

/** Starting, stopping, gone, out of connections, or just being made: ask again. */
const passing =
  /^(57P0[123]|08\d{3}|53\d{3}|55006|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|CONNECT_TIMEOUT|CONNECTION_.*)$/

function explain(error: unknown, { port }: Address): undefined {
  if (passing.test(errorCode(error) ?? '')) return undefined
  if (errorCode(error) !== '28P01') throw error
  throw new BaywireError(`the embedded database on port ${port} does not take the password that is kept beside it`, {
    advice: 'put back the file `password` of the database directory',
    cause: error,
  })
}

const CONNECT_TIMEOUT_S = 5

async function withConnection<T>(url: string, use: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const options = {
    max: 1,
    connect_timeout: CONNECT_TIMEOUT_S,
    fetch_types: false,
    prepare: false,
    onnotice: () => {},
    connection: { application_name: 'baywire launcher' },
    socket: openSocket,
  }
  const sql = postgres(url, options)
  try {
    return await use(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}
