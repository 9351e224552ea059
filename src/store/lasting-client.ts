import type { TransactionSql } from 'postgres'
import { connect, type ConnectOptions, type Sql } from './client.ts'
import { isConnectionLost } from './connection-error.ts'

/**
 * A client whose transactions end well when their connection is lost. In postgres.js 3.4.9 such a transaction
 * still sends its ROLLBACK, and whatever statements come after: on the closed socket, which ends the process
 * (porsager/postgres#1208), or on the connection as reopened, inside of somebody else's transaction (#1216). And
 * a connection that was lost with bytes unsent never comes back. So here
 *
 * - a transaction whose connection is lost sends nothing any more: each further statement of it is refused;
 * - a client that has lost a connection is replaced by a new one, once its other transactions have ended.
 */
export class LastingClient {
  readonly #options: ConnectOptions
  readonly #onOpen: (sql: Sql) => void
  #sql: Sql

  /** @param onOpen told of each client as it is made: the first one, and those that replace it */
  constructor(options: ConnectOptions, onOpen: (sql: Sql) => void = () => {}) {
    this.#options = options
    this.#onOpen = onOpen
    this.#sql = this.#open()
  }

  #open(): Sql {
    const sql = connect(this.#options)
    // Whoever begins a transaction on the client itself, as Drizzle does, gets one of these too.
    const guarded = new Proxy(sql, {
      get: (target, key, receiver) =>
        key === 'begin'
          ? (work: (tx: TransactionSql) => Promise<unknown>) => this.#begin(target, { mode: '', work })
          : Reflect.get(target, key, receiver),
    })
    this.#onOpen(guarded)
    return sql
  }

  /** Runs `work` in one transaction; `mode` as after BEGIN. */
  async begin<T>(mode: string, work: (tx: TransactionSql) => Promise<T>): Promise<T> {
    return await this.#begin(this.#sql, { mode, work })
  }

  async #begin<T>(sql: Sql, { mode, work }: { mode: string; work: (tx: TransactionSql) => Promise<T> }): Promise<T> {
    const connection: Connection = { lost: undefined }
    try {
      return (await sql.begin(mode, (tx) => untilLost(connection, () => work(guardStatements(tx, connection))))) as T
    } catch (error) {
      connection.lost ??= error
      this.noteLoss(error)
      throw error
    }
  }

  /** To be told of the errors of statements outside of a transaction. */
  noteLoss(error: unknown): void {
    if (!isConnectionLost(error)) return
    const lost = this.#sql
    this.#sql = this.#open()
    void retire(lost)
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: closeTimeoutS })
  }
}

/** What still runs on it ends first; that it may fail to end is of no more interest. */
async function retire(sql: Sql): Promise<void> {
  await Promise.allSettled([sql.end({ timeout: retireTimeoutS })])
}

/** How long a replaced client waits for its other transactions, in seconds. */
const retireTimeoutS = 30
/** How long a close waits for what is running, in seconds. */
const closeTimeoutS = 5

interface Connection {
  lost: unknown
}

/**
 * Settles as `work` does, but never once the connection is lost: postgres.js would answer with a ROLLBACK or a
 * COMMIT. It rejects the transaction by itself when the connection closes.
 */
async function untilLost<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work()
    if (connection.lost === undefined) return result
  } catch (error) {
    if (isConnectionLost(error)) connection.lost ??= error
    if (connection.lost === undefined) throw error
  }
  return await new Promise<never>(() => {})
}

function guardStatements(tx: TransactionSql, connection: Connection): TransactionSql {
  const check = () => {
    if (connection.lost === undefined) return
    throw Object.assign(new Error('the connection of this transaction was lost'), { code: 'CONNECTION_CLOSED' })
  }
  return new Proxy(tx, {
    apply(target, receiver, parameters) {
      check()
      return Reflect.apply(target, receiver, parameters) as unknown
    },
    get(target, key, receiver) {
      check()
      // It would answer a lost connection with a ROLLBACK TO.
      if (key === 'savepoint') {
        return (work: Work) =>
          target.savepoint((inner) => untilLost(connection, () => work(guardStatements(inner, connection))))
      }
      return Reflect.get(target, key, receiver) as unknown
    },
  })
}

type Work = (tx: TransactionSql) => Promise<unknown>
