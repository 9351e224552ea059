import type { Api } from '../../src/api/app.ts'
import type { Live } from '../../src/live/live.ts'

/**
 * What is answered from memory follows the database a moment later. Tests that commit and ask at once are asked to wait for that
 * moment here: before a request that is answered from memory, what changed is read anew.
 */
export function upToDate(app: Api, live: Pick<Live, 'views'>): Api {
  const request = app.request.bind(app)
  app.request = async (input, ...rest) => {
    const url = input instanceof Request ? input.url : String(input)
    // Where the database does not answer, the request itself is to say so.
    const slug = /\/public\/([^/]+)\//.exec(url)?.[1]
    if (slug !== undefined || /\/availability/.test(url)) await live.views.refresh(slug).catch(() => {})
    return await request(input, ...rest)
  }
  return app
}
