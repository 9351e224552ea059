import { expect, expectTypeOf, it } from 'vitest'
import { createClient } from '../../src/api/client.ts'

it('knows the paths, the parameters and the answers of the routes', async () => {
  const asked: Request[] = []
  const client = createClient('https://parking.example', {
    token: 'secret',
    fetch: async (input, init) => {
      asked.push(new Request(input, init))
      return Response.json({ items: [], next: null })
    },
  })
  const answer = await client.api.v1.public[':tenant'].sites.$get({ param: { tenant: 'demo' }, query: { limit: '3' } })
  expect(asked[0]?.url).toBe('https://parking.example/api/v1/public/demo/sites?limit=3')
  expect(asked[0]?.headers.get('authorization')).toBe('Bearer secret')
  if (answer.status !== 200) throw new Error('no page')
  const page = await answer.json()
  expectTypeOf(page.items).items.toHaveProperty('code')
  expectTypeOf(page.next).toEqualTypeOf<string | null>()
  expect(page.items).toEqual([])

  await client.api.v1.audit.$get({ query: { action: 'site.created' } })
  // @ts-expect-error -- there is no such filter
  await client.api.v1.audit.$get({ query: { colour: 'red' } })
  expect(asked[1]?.url).toBe('https://parking.example/api/v1/audit?action=site.created')
})
