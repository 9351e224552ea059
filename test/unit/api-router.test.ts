import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { RememberingRouter } from '../../src/api/router.ts'

function api() {
  const app = new Hono({ router: new RememberingRouter() })
  app.use(async (c, next) => {
    await next()
    c.header('X-Passed', 'yes')
  })
  app.get('/spaces/export', (c) => c.text('all'))
  app.get('/spaces/:id', (c) => c.text(`one ${c.req.param('id')}`))
  app.post('/spaces/:id', (c) => c.text(`changed ${c.req.param('id')}`))
  return app
}

async function ask(app: Hono, path: string, method = 'GET') {
  const answer = await app.request(path, { method })
  return `${answer.status} ${answer.headers.get('X-Passed')} ${answer.status === 200 ? await answer.text() : ''}`.trim()
}

test('what was found for one path or method is not taken for another, however often they are asked for', async () => {
  const app = api()
  const answers = {
    'GET /spaces/export': '200 yes all',
    'GET /spaces/a%2Fb': '200 yes one a/b',
    'GET /spaces/a': '200 yes one a',
    'POST /spaces/a': '200 yes changed a',
    'DELETE /spaces/a': '404 yes',
    'GET /nothing': '404 yes',
  }
  for (let round = 0; round < 3; round++) {
    for (const [asked, answer] of Object.entries(answers)) {
      const [method, path = ''] = asked.split(' ')
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await ask(app, path, method), asked).toBe(answer)
    }
  }
})

test('more paths than are remembered, and longer ones, are answered as well', async () => {
  const app = api()
  const ids = [...Array.from({ length: 2500 }, (_, n) => `s${n}`), 'x'.repeat(1000), 's0']
  for (const id of ids) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expect(await ask(app, `/spaces/${id}`)).toBe(`200 yes one ${id}`)
  }
})
