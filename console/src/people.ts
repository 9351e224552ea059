import { useLoaded, type Loaded } from './components/loaded.ts'
import type { Names } from './names.ts'
import { allPages, bodyOf } from './requests/requests.ts'
import { useServices } from './services.ts'

/** Read once for a page; whoever may not see members is shown ids. */
export function useNames(): Loaded<Names> {
  const { api, session } = useServices()
  const state = session.state.value
  const ownId = state.kind === 'signed in' ? state.me.user?.id : undefined
  return useLoaded(async () => {
    const page = (cursor: string | undefined) => ({ query: { limit: '1000', ...(cursor ? { cursor } : {}) } })
    const [members, keys] = await Promise.all([
      session.may('members:read') ? allPages((cursor) => bodyOf(api.members.$get(page(cursor)))) : [],
      session.may('api-keys:read') ? allPages((cursor) => bodyOf(api['api-keys'].$get(page(cursor)))) : [],
    ])
    const known = new Map([
      ...members.map(({ id, name }) => [`user:${id}`, name] as const),
      ...keys.map(({ id, name }) => [`api_key:${id}`, name] as const),
    ])
    return { known, ownId }
  }, [ownId])
}
