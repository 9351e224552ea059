import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context } from 'hono'
import type { Api } from '../app.ts'
import type { ApiEnv } from '../context.ts'
import { ApiError } from '../errors.ts'

/**
 * The operations console: files that `npm run build` made, held in memory from the first request on, so that a later build
 * takes nothing from under those who have it open. Its pages are one document, whose script finds out by the URL
 * what to show; nothing is loaded from anywhere else, and no text of a page is ever run.
 */
const folder = fileURLToPath(new URL('../../../dist/console/', import.meta.url))
const ASSETS = 'console/assets'

/** First segments of the URLs that are pages: those of console/src/pages.tsx. */
const pages = ['sites', 'spaces', 'messages', 'devices', 'reservations', 'jobs', 'audit']
const pagePaths = ['/', ...pages.flatMap((name) => [`/${name}`, `/${name}/:id`])]
const assetPath = `/${ASSETS}/:file`

/** What is no part of the API, and of its document. */
export const consolePaths: readonly string[] = [...pagePaths, assetPath]

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
}

interface Served {
  plain: Uint8Array<ArrayBuffer>
  gzipped: Uint8Array<ArrayBuffer>
  type: string
}

type Files = ReadonlyMap<string, Served>

export function addConsoleRoutes(app: Api, { directory = folder }: { directory?: string } = {}): void {
  let reading: Promise<Files> | undefined
  const files = () => {
    reading ??= readBuilt(directory)
    // What could not be read once is tried again the next time.
    reading.catch(() => (reading = undefined))
    return reading
  }
  const page = async (c: Context<ApiEnv>) => {
    const index = (await files()).get('index.html')
    if (index === undefined) throw new ApiError('not_found', 'The console is not built: `npm run build` makes it.')
    c.header('Content-Security-Policy', policy)
    return answer(c, index, 'no-cache')
  }
  for (const path of pagePaths) app.get(path, page)
  app.get(assetPath, async (c) => {
    const file = (await files()).get(`${ASSETS}/${c.req.param('file')}`)
    if (file === undefined) throw new ApiError('not_found', 'There is nothing at this URL.')
    // The name has the hash of what is in it.
    return answer(c, file, 'public, max-age=31536000, immutable')
  })
}

function answer(c: Context<ApiEnv>, { plain, gzipped, type }: Served, caching: string): Response {
  const headers = { 'Content-Type': type, 'Cache-Control': caching, Vary: 'Accept-Encoding' }
  return /\bgzip\b/.test(c.req.header('Accept-Encoding') ?? '')
    ? c.body(gzipped, 200, { ...headers, 'Content-Encoding': 'gzip' })
    : c.body(plain, 200, headers)
}

/** Nothing where it was never built. */
async function readBuilt(directory: string): Promise<Files> {
  const assets = await readdir(join(directory, ASSETS)).catch(() => [])
  const names = assets.length === 0 ? [] : ['index.html', ...assets.map((name) => `${ASSETS}/${name}`)]
  return new Map(await Promise.all(names.map(async (name) => [name, await readServed(join(directory, name))] as const)))
}

async function readServed(path: string): Promise<Served> {
  const plain = new Uint8Array(await readFile(path))
  const gzipped = new Uint8Array(await promisify(gzip)(plain))
  return { plain, gzipped, type: types[extname(path)] ?? 'application/octet-stream' }
}
