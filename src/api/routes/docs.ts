import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Api } from '../app.ts'
import type { ApiEnv } from '../context.ts'
import { ApiError } from '../errors.ts'
import { problem } from '../responses.ts'

/**
 * Swagger UI, out of its own package: nothing is loaded from anywhere else, and the page may load nothing but its own files.
 */
const require = createRequire(import.meta.url)
const packageFolder = dirname(require.resolve('swagger-ui-dist/package.json'))

const start = `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
})
`

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Baywire API</title>
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png" />
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`

/** Swagger UI sets styles in attributes and has pictures in its style sheet; it evaluates no text as script. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const files: Readonly<Record<string, { type: string; text?: string }>> = {
  'swagger-ui.css': { type: 'text/css; charset=utf-8' },
  'swagger-ui-bundle.js': { type: 'text/javascript; charset=utf-8' },
  'favicon-32x32.png': { type: 'image/png' },
  'start.js': { type: 'text/javascript; charset=utf-8', text: start },
}

const answers = {
  200: { description: 'the file', content: { 'text/html': { schema: z.string() } } },
  304: { description: 'nothing changed since the file with this ETag' },
}
const pageRoute = createRoute({
  method: 'get',
  path: '/docs',
  tags: ['system'],
  summary: 'This document, to read and to try out',
  responses: answers,
})
const fileRoute = createRoute({
  method: 'get',
  path: '/docs/{file}',
  tags: ['system'],
  summary: 'A file of that page',
  request: {
    params: z.object({
      file: z.string().openapi({
        param: { name: 'file', in: 'path' },
        description: 'its name',
        example: 'swagger-ui.css',
      }),
    }),
  },
  responses: {
    200: {
      description: 'the file',
      content: {
        'text/css': { schema: z.string() },
        'text/javascript': { schema: z.string() },
        'image/png': { schema: z.string().openapi({ format: 'binary' }) },
      },
    },
    304: answers[304],
    404: problem('not_found', 'There is no such file.'),
  },
})

interface Served {
  bytes: Uint8Array<ArrayBuffer>
  etag: string
  type: string
}

export function addDocsRoutes(app: Api): void {
  const read = new Map<string, Promise<Served>>()
  const served = (name: string, { type, text }: { type: string; text?: string }) => {
    const known = read.get(name) ?? readServed(name, { type, text })
    read.set(name, known)
    // What could not be read once is tried again the next time.
    known.catch(() => read.delete(name))
    return known
  }

  app.openapi(pageRoute, async (c) => {
    c.header('Content-Security-Policy', policy)
    return answer(c, await served('', { type: 'text/html; charset=utf-8', text: page }))
  })

  app.openapi(fileRoute, async (c) => {
    const { file } = c.req.valid('param')
    const known = Object.hasOwn(files, file) ? files[file] : undefined
    if (known === undefined) throw new ApiError('not_found', 'There is nothing at this URL.')
    return answer(c, await served(file, known))
  })
}

async function readServed(name: string, { type, text }: { type: string; text: string | undefined }): Promise<Served> {
  const bytes =
    text === undefined ? new Uint8Array(await readFile(join(packageFolder, name))) : new TextEncoder().encode(text)
  return { bytes, type, etag: `"${createHash('sha256').update(bytes).digest('base64url')}"` }
}

function answer(c: Context<ApiEnv>, { bytes, etag, type }: Served): Response {
  const headers = { ETag: etag, 'Cache-Control': 'no-cache' }
  return c.req.header('If-None-Match') === etag
    ? c.body(null, 304, headers)
    : c.body(bytes, 200, { ...headers, 'Content-Type': type })
}
