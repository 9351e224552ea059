import { Home } from '../../e2e/support/home.ts'

/** A home for as long as `work` takes; whatever happens, nothing of it is left. */
export async function inHome<T>(env: Record<string, string>, work: (home: Home) => Promise<T>): Promise<T> {
  const home = await Home.create(env)
  try {
    return await work(home)
  } finally {
    await home.remove()
  }
}

/** In seconds, with one decimal: for a table. */
export function secondsSince(startedAt: number): number {
  return Math.round((performance.now() - startedAt) / 100) / 10
}
