import { DryRuns } from '../../administration/replays.ts'
import type { Clock } from '../../clock.ts'
import type { Api } from '../app.ts'
import { actorOf, type SignedInOptions } from '../signed-in.ts'
import { countRoute, dryRunRoute, type FilterBody } from './replays-descriptions.ts'

export interface ReplayRoutesOptions extends SignedInOptions {
  clock: Clock
  /** Most readings of one dry run. */
  replayedReadings?: number | undefined
  /** Longest that one may take. */
  replayMs?: number | undefined
}

/** They wait for longer than other requests: how long, the dry runs say themselves. */
export function addReplayRoutes(app: Api, options: ReplayRoutesOptions): void {
  const { tenants, clock, replayedReadings: mostReadings, replayMs: longestMs } = options
  const runs = new DryRuns({ tenants, clock, mostReadings, longestMs })

  app.openapi(countRoute, async (c) => {
    const { filter } = c.req.valid('json')
    const counted = await runs.count(actorOf(c), { filter: filterOf(filter), signal: c.req.raw.signal })
    return c.json(counted, 200)
  })

  app.openapi(dryRunRoute, async (c) => {
    const { filter, policy } = c.req.valid('json')
    const asked = { filter: filterOf(filter), policy: policy ?? undefined, signal: c.req.raw.signal }
    return c.json(await runs.dryRun(actorOf(c), asked), 200)
  })
}

function filterOf({ topic, device, space_id: spaceId, site_id: siteId, outcome: outcomes, from, to }: FilterBody) {
  return { topic, device, spaceId, siteId, outcomes, from: timeOf(from), to: timeOf(to) }
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text)
}
