import { useLoaded } from '../components/loaded.ts'
import { isProblem, bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { chooseSpace, isId } from './message-filter.ts'

/** The space that the text of a filter means. */
export interface SpaceChoice {
  /** It is known whether there is one. */
  ready: boolean
  /** Undefined where none is asked for. */
  id: string | undefined
  /** `SITE/SPACE` */
  path: string | undefined
  error: string | undefined
}

const nothing = { id: undefined, path: undefined, error: undefined }

export function useSpaceChoice(text: string): SpaceChoice {
  const { api } = useServices()
  const found = useLoaded(
    async (signal): Promise<{ text: string } & Omit<SpaceChoice, 'ready'>> => {
      const init = { init: { signal } }
      if (text === '') return { text, ...nothing }
      if (isId(text)) {
        const space = await bodyOf(api.spaces[':id'].$get({ param: { id: text } }, init))
        const site = await bodyOf(api.sites[':id'].$get({ param: { id: space.site_id } }, init))
        return { text, id: space.id, path: `${site.code}/${space.code}`, error: undefined }
      }
      const { items } = await bodyOf(api.search.$get({ query: { q: text } }, init))
      return { text, ...nothing, ...chooseSpace(text, items) }
    },
    [text],
  )
  const { data, error } = found
  if (data?.text === text) return { ready: true, id: data.id, path: data.path, error: data.error }
  if (error === undefined || found.loading) return { ready: text === '', ...nothing }
  const why = isProblem(error, 'not-found') ? 'There is no such space any more.' : error.message
  return { ready: true, ...nothing, error: why }
}
