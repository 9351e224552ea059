import type { InferResponseType } from 'hono/client'
import type { BaywireClient } from '../../../src/api/client.ts'
import { allPages, bodyOf, type Requests } from '../requests/requests.ts'

export type Site = InferResponseType<BaywireClient['api']['v1']['sites'][':id']['$get'], 200>
export type SiteSpace = InferResponseType<BaywireClient['api']['v1']['spaces']['$get'], 200>['items'][number]

export interface SiteWithSpaces {
  site: Site
  spaces: SiteSpace[]
}

/** A-2 before A-10. */
const byCode = new Intl.Collator('en', { numeric: true })

const pageItems = '1000'

export async function readSite(
  api: Requests['api'],
  { id, signal }: { id: string; signal: AbortSignal },
): Promise<SiteWithSpaces> {
  const [site, spaces] = await Promise.all([
    bodyOf(api.sites[':id'].$get({ param: { id } }, { init: { signal } })),
    allPages((cursor) => {
      const query = { site_id: id, limit: pageItems, ...(cursor === undefined ? {} : { cursor }) }
      return bodyOf(api.spaces.$get({ query }, { init: { signal } }))
    }),
  ])
  return { site, spaces: spaces.toSorted((one, other) => byCode.compare(one.code, other.code)) }
}

/** As people would sort them; spaces without a level are one, too. */
export function levelsOf(spaces: readonly SiteSpace[]): (string | null)[] {
  const levels = [...new Set(spaces.map(({ level }) => level))]
  return levels.toSorted((one, other) => byCode.compare(one ?? '', other ?? ''))
}
