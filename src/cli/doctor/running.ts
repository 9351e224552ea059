import { z } from 'zod'
import type { Config } from '../../config.ts'
import { ok, problem, type Finding } from './finding.ts'

const readinessShape = z.object({
  ready: z.boolean(),
  parts: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string() })),
})
export type Parts = z.output<typeof readinessShape>['parts']

const waitMs = 5000

/** What the Baywire of these settings says of itself on this machine, if it runs here and has a port for it. */
export async function askRunning(config: Config): Promise<Parts | undefined> {
  const ports = [config.BAYWIRE_HTTP_PORT, config.BAYWIRE_MONITOR_PORT].filter(Boolean)
  const answers = await Promise.all(ports.map((port) => ask(`http://${reachable(config.BAYWIRE_HOST)}:${port}/ready`)))
  const parts = answers.filter((answer) => answer !== undefined)
  return parts.length === 0 ? undefined : Object.assign({}, ...parts)
}

/** Where it listens on all addresses, it is asked on one of them. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

async function ask(url: string): Promise<Parts | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(waitMs), redirect: 'error' })
    const answer = readinessShape.safeParse(await response.json())
    return answer.success ? answer.data.parts : undefined
  } catch {
    // Nothing there, or something else: the ports are looked at on their own.
    return undefined
  }
}

export function checkRunning(parts: Parts | undefined): Finding[] {
  if (parts === undefined) return [ok('running', 'no Baywire of these settings answers on this machine')]
  const names = Object.keys(parts)
  const ill = names.filter((name) => !parts[name]?.ok)
  if (ill.length === 0) return [ok('running', `it is ready: ${names.join(', ')}`)]
  return ill.map((name) => problem('running', `${name}: ${parts[name]?.detail}`, 'its log says more'))
}
