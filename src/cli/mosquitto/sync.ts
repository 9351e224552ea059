import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BaywireError, describeError } from '../../errors.ts'
import { accessList, passwordFile, type BrokerUser } from '../../mqtt/mosquitto-rules.ts'
import { credentialsFingerprint, readCredentials, type BrokerCredential } from '../../store/broker-credentials.ts'
import { makeVerifier, verifySecret } from '../../store/credentials.ts'
import type { SystemDatabase } from '../../store/transactions.ts'
import { readPrivateFile, removeUnfinished, writePrivateFile } from './private-file.ts'
import type { Reload } from './reload.ts'

export interface SyncOptions {
  database: SystemDatabase
  /** Where the files lie: it exists, and belongs to the broker's user. */
  directory: string
  /** Names of Baywire's own processes at the broker; the secret of each lies beside, in `NAME.secret`. */
  own: readonly string[]
  reload: Reload
}

export interface SyncResult {
  users: number
  /** Whether a file had to be written. */
  changed: boolean
  /** Why Mosquitto does not know of it yet; undefined when it was told, or nothing was to be told. */
  untold: string | undefined
}

const secretBytes = 32

/**
 * Keeps Mosquitto's password file and access list as the database has it. A change is told to Mosquitto until that has
 * worked, also one that an earlier run wrote and could not tell: so the first look always tells.
 */
export class MosquittoSync {
  readonly #options: SyncOptions
  readonly #verifiers = new Map<string, string>()
  #last: string | undefined
  #told = false
  #users = 0

  constructor(options: SyncOptions) {
    this.#options = options
  }

  /** Throws when the directory cannot be used. */
  async prepare(): Promise<void> {
    const { directory, own } = this.#options
    try {
      await removeUnfinished(directory)
      for (const name of own) {
        // oxlint-disable-next-line no-await-in-loop -- few
        if ((await readPrivateFile(directory, secretFile(name))) !== undefined) continue
        const secret = randomBytes(secretBytes).toString('base64url')
        // oxlint-disable-next-line no-await-in-loop
        await writePrivateFile(directory, { name: secretFile(name), text: `${secret}\n` })
      }
      await this.#rememberVerifiers()
    } catch (error) {
      if (error instanceof BaywireError) throw error
      throw new BaywireError(`--directory: cannot use ${directory}: ${describeError(error)}`, {
        advice: 'make it, and give it to the user that Mosquitto runs as; run this as that user or as root',
        cause: error,
      })
    }
  }

  /** One look at the database; throws when it cannot be asked or a file cannot be written, and changes nothing then. */
  async look(): Promise<SyncResult> {
    const own = await this.#ownUsers()
    const changed = await this.#write(own)
    const untold = changed || !this.#told ? await this.#options.reload() : undefined
    this.#told = untold === undefined
    return { users: this.#users, changed, untold }
  }

  async #write(own: readonly BrokerUser[]): Promise<boolean> {
    const { database } = this.#options
    const ownText = own.map(({ username, verifier }) => `${username}:${verifier}`).join('\n')
    const current = await database.withSnapshot(async (tx) => {
      const seen = `${await credentialsFingerprint(tx)}\n${ownText}`
      return seen === this.#last ? undefined : { seen, credentials: await readCredentials(tx) }
    })
    if (current === undefined) return false
    const users = [...own, ...current.credentials.map(toUser)]
    const apps = current.credentials.filter(({ kind }) => kind === 'apps')
    // Rights first: whoever may come in finds them in place.
    const acl = await this.#writeIfOther('acl', accessList({ own: own.map(({ username }) => username), apps }))
    const passwords = await this.#writeIfOther('passwd', passwordFile(users))
    this.#last = current.seen
    this.#users = users.length
    if (acl || passwords) this.#told = false
    return acl || passwords
  }

  async #writeIfOther(name: string, text: string): Promise<boolean> {
    const { directory } = this.#options
    if ((await readPrivateFile(directory, name)) === text) return false
    await writePrivateFile(directory, { name, text })
    return true
  }

  /** A verifier is made with a random salt: the one of an earlier run is kept, so that nothing changes at a restart. */
  async #rememberVerifiers(): Promise<void> {
    const { directory, own } = this.#options
    const text = (await readPrivateFile(directory, 'passwd')) ?? ''
    for (const line of text.split('\n')) {
      const [username = '', verifier = ''] = line.split(':')
      if (own.includes(username)) this.#verifiers.set(username, verifier)
    }
  }

  async #ownUsers(): Promise<BrokerUser[]> {
    return await Promise.all(
      this.#options.own.map(async (username) => {
        const secret = await this.#ownSecret(username)
        const known = this.#verifiers.get(username)
        const verifier = known !== undefined && (await verifySecret(known, secret)) ? known : await makeVerifier(secret)
        this.#verifiers.set(username, verifier)
        return { username, verifier }
      }),
    )
  }

  async #ownSecret(username: string): Promise<string> {
    const path = join(this.#options.directory, secretFile(username))
    const secret = (await readFile(path, 'utf8')).trim()
    if (secret === '') throw new BaywireError(`${path} is empty`, { advice: 'remove it: another secret is made then' })
    return secret
  }
}

function secretFile(username: string): string {
  return `${username}.secret`
}

function toUser({ tenant, kind, code, verifier }: BrokerCredential): BrokerUser {
  return { username: `${tenant}/${kind}/${code}`, verifier }
}
