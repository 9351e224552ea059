import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { findBinaries, type Binaries } from './binaries.ts'
import { checkVersion, createCluster, readPassword, writePort } from './cluster.ts'
import { LogFile } from './log-file.ts'
import type { Place } from './place.ts'
import { askToStop, findRunning, newToken } from './running.ts'
import { launchServer, type Launch } from './server.ts'

/** Creates the database of one place and starts servers in it. */
export class Launcher {
  readonly #place: Place
  readonly #onProgress: (message: string) => void
  readonly #log: LogFile
  #binaries: Binaries | undefined
  #token = ''

  constructor(place: Place, onProgress: (message: string) => void) {
    this.#place = place
    this.#onProgress = onProgress
    this.#log = new LogFile(join(place.directory, 'server.log'), place.account)
  }

  async create(): Promise<void> {
    const where = this.#place.directory
    this.#onProgress(`creating the embedded database in ${where}: a few seconds, at the first start only`)
    await createCluster(this.#place, await this.#findBinaries())
  }

  async launch(port: number): Promise<Launch> {
    const binaries = await this.#findBinaries()
    await checkVersion(this.#place, binaries)
    const password = await readPassword(this.#place)
    this.#token = newToken(randomBytes(8).toString('hex'))
    const options = { place: this.#place, binaries, log: this.#log, password, port, token: this.#token }
    const launch = await launchServer(options)
    if (typeof launch === 'object') {
      this.#log.watch()
      await writePort(this.#place, port)
    }
    return launch
  }

  /** After the guard ended: a server that lost only its guard has nobody who would stop it, and must go. */
  async relaunch(port: number): Promise<Launch> {
    const running = await findRunning(this.#place, await readPassword(this.#place))
    if (running === 'none') return await this.launch(port)
    if (typeof running === 'object' && running.token === this.#token) askToStop(running.pid)
    return 'busy'
  }

  end(): void {
    this.#log.unwatch()
  }

  async #findBinaries(): Promise<Binaries> {
    const { account, copies } = this.#place
    this.#binaries ??= await findBinaries({ account, copies, onProgress: this.#onProgress })
    return this.#binaries
  }
}
