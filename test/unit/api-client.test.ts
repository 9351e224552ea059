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

  await client.api.v1.sites.$post({ json: { code: 'north', name: 'North' }, header: {} })
  // @ts-expect-error -- a site has a code
  await client.api.v1.sites.$post({ json: { name: 'North' }, header: {} })
  const [start, end] = ['2026-11-20T08:00:00Z', '2026-11-20T09:00:00Z']
  const header = { 'idempotency-key': '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55' }
  const booked = await client.api.v1.reservations.$post({ json: { space_id: 'a', start, end }, header })
  if (booked.status === 201) expectTypeOf(await booked.json()).toHaveProperty('state')
  expect(asked.at(-1)?.headers.get('idempotency-key')).toBe(header['idempotency-key'])
})
