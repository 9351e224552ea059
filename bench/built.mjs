/**
 * Loaded before the helpers: what they import of the product comes from its build. tsx would run the source, but gives each
 * function its name anew whenever it is made: readings commit a tenth slower then, and a ceiling would be too low.
 */
import { register } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const source = new URL('../src/', import.meta.url).href
const build = new URL('../dist/', import.meta.url).href

// Node runs the hooks below in a thread of their own, from this same file.
if (isMainThread) register(import.meta.url)

export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context)
  if (!resolved.url.startsWith(source)) return resolved
  const [path] = resolved.url.slice(source.length).split('?')
  return { ...resolved, url: build + path.replace(/\.ts$/, '.js'), format: 'module' }
}
