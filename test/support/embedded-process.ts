import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

interface Line {
  progress?: string
  url?: string
  adopted?: boolean
  error?: string
  advice?: string
  interrupted?: boolean
  stopped?: boolean
}

/** Another process that uses the embedded database, to be killed, interrupted or outlived. */
export class EmbeddedProcess {
  readonly child: ChildProcess
  readonly lines: Line[] = []
  readonly ended: Promise<unknown>

  constructor(dataDir: string, options: { stateDir: string; account?: { uid: number; gid: number } }) {
    const script = fileURLToPath(new URL('start-embedded.ts', import.meta.url))
    this.child = spawn(process.execPath, ['--import', 'tsx', script, dataDir, options.stateDir], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      ...options.account,
    })
    this.ended = once(this.child, 'exit')
    const { stdout } = this.child
    if (stdout === null) throw new Error('no standard output')
    createInterface(stdout).on('line', (line) => {
      const said: Line = JSON.parse(line)
      this.lines.push(said)
      this.child.emit('said')
    })
  }

  /** The first line that has `key`, said or yet to be said. */
  async said(key: keyof Line): Promise<Line> {
    for (;;) {
      const line = this.lines.find((candidate) => candidate[key] !== undefined)
      if (line !== undefined) return line
      if (this.child.exitCode !== null) throw new Error(`ended without saying ${key}: ${JSON.stringify(this.lines)}`)
      await Promise.race([once(this.child, 'said'), once(this.child, 'close')])
    }
  }

  async url(): Promise<string> {
    const { url } = await this.said('url')
    return url ?? ''
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }

  async stop(): Promise<void> {
    this.child.stdin?.end()
    await this.ended
  }
}
