import { useEffect, useRef, useState } from 'preact/hooks'
import { allPages, bodyOf, isProblem } from '../requests/requests.ts'
import { useServices, type Services } from '../services.ts'
import { spaceIdsOf, type Entry, type Places } from './sentences.ts'

/** So many are asked for one by one; of more, the list of all is read. */
const mostSingly = 8
const mostSpaces = 10_000

/** What the places in these entries are called: read where an entry names one, and each once. */
export function usePlaces(entries: readonly Entry[]): Places {
  const { api } = useServices()
  const [called, setCalled] = useState<ReadonlyMap<string, string>>(new Map())
  /** Those that were asked for, found or not. */
  const asked = useRef(new Set<string>())
  const spaces = [...new Set(entries.flatMap(spaceIdsOf))]
  const others = entries.flatMap(({ target: { kind } }) => (kind === 'site' || kind === 'zone' ? [`${kind}s`] : []))
  const wanted = [...spaces, ...new Set(others)].filter((id) => !asked.current.has(id))
  useEffect(() => {
    if (wanted.length === 0) return
    for (const id of wanted) asked.current.add(id)
    const read = async () => {
      const found = await Promise.all([
        spaceCodes(
          api,
          wanted.filter((id) => id !== 'sites' && id !== 'zones'),
        ),
        wanted.includes('sites') ? siteNames(api) : [],
        wanted.includes('zones') ? zoneCodes(api) : [],
      ])
      setCalled((before) => new Map([...before, ...found.flat()]))
    }
    // Without them, the end of the id is shown; they are asked for again with the next entries.
    read().catch(() => {
      for (const id of wanted) asked.current.delete(id)
    })
  }, [wanted.join(' ')])
  return { called }
}

type Called = readonly (readonly [id: string, name: string])[]
const page = (cursor: string | undefined) => ({ query: { limit: '1000', ...(cursor ? { cursor } : {}) } })

async function spaceCodes(api: Services['api'], ids: readonly string[]): Promise<Called> {
  if (ids.length === 0) return []
  if (ids.length > mostSingly) {
    const all = await allPages((cursor) => bodyOf(api.spaces.$get(page(cursor))), { most: mostSpaces })
    return all.map(({ id, code }) => [id, code] as const)
  }
  const found = await Promise.all(
    ids.map(async (id) => {
      try {
        const { code } = await bodyOf(api.spaces[':id'].$get({ param: { id } }))
        return [[id, code] as const]
      } catch (error) {
        // It was deleted since.
        if (isProblem(error, 'not-found')) return []
        throw error
      }
    }),
  )
  return found.flat()
}

async function siteNames(api: Services['api']): Promise<Called> {
  const all = await allPages((cursor) => bodyOf(api.sites.$get(page(cursor))))
  return all.map(({ id, name }) => [id, name] as const)
}

async function zoneCodes(api: Services['api']): Promise<Called> {
  const all = await allPages((cursor) => bodyOf(api.zones.$get(page(cursor))))
  return all.map(({ id, code }) => [id, code] as const)
}
