import type { Home } from './home.ts'

/** A space as the public API has it. */
export interface PublicSpace {
  code: string
  status: string
  occupancy: string
  stale: boolean
  since: string | null
  observed_at: string | null
}

interface Page {
  items: PublicSpace[]
  next: string | null
}

/** All spaces of a site, by their code: page after page, as an application would. */
export async function spacesOf(
  home: Home,
  { tenant, site, limit = 1000 }: { tenant: string; site: string; limit?: number },
): Promise<Map<string, PublicSpace>> {
  const spaces = new Map<string, PublicSpace>()
  let cursor: string | null = null
  do {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    // oxlint-disable-next-line no-await-in-loop -- each page names the next
    const page: Page = await home.get(`/api/v1/public/${tenant}/sites/${site}/spaces?limit=${limit}${after}`)
    for (const space of page.items) spaces.set(space.code, space)
    cursor = page.next
  } while (cursor !== null)
  return spaces
}
