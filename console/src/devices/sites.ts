import { useLoaded, type Loaded } from '../components/loaded.ts'
import { allPages, bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'

export interface SiteChoice {
  id: string
  code: string
  name: string
}

/** To choose from. */
export function useSites(): Loaded<SiteChoice[]> {
  const { api } = useServices()
  return useLoaded(
    () => allPages((cursor) => bodyOf(api.sites.$get({ query: { limit: '1000', ...(cursor ? { cursor } : {}) } }))),
    [],
  )
}
