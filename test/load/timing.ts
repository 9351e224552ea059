import { post, quantile, type Finding, type Product } from './product.ts'

const mostDifferenceMs = 2
/** Answers that were counted, other than those of the first ones, which warm everything up. */
const warmUp = 50

interface Route {
  what: string
  path: string
  known: (pair: number) => object
  unknown: (pair: number) => object
  /** Pairs at a time: many where an answer mostly waits. */
  atOnce: number
}

/** Whether somebody who only sees answers can tell an address with an account from one without (G-A5). */
export async function* timing(product: Product, { pairs }: { pairs: number }): AsyncGenerator<Finding> {
  const count = pairs + warmUp
  const emails = await product.addAccounts('known', count)
  const [locked = ''] = await product.addAccounts('locked', 1)
  const wrong = { password: 'not the password at all' }
  const of = (pair: number) => ({ email: emails[pair] })
  const routes: Route[] = [
    {
      what: 'a wrong password at an account each',
      path: '/auth/login',
      known: (pair) => ({ ...of(pair), ...wrong }),
      unknown: (pair) => ({ ...nobody(pair), ...wrong }),
      atOnce: 1,
    },
    {
      what: 'a wrong password at one account, locked',
      path: '/auth/login',
      known: () => ({ email: locked, ...wrong }),
      unknown: () => ({ ...nobody(0), ...wrong }),
      atOnce: 1,
    },
    { what: 'a forgotten password', path: '/auth/password/forgot', known: of, unknown: nobody, atOnce: 8 },
  ]
  for (const route of routes) yield await compare(product, route, count)
}

function nobody(pair: number): object {
  return { email: `unknown-${pair}@example.org` }
}

async function compare(product: Product, route: Route, count: number): Promise<Finding> {
  const times: Record<Which, number[]> = { known: [], unknown: [] }
  const answers = new Set<string>()
  let next = 0
  const work = async (): Promise<void> => {
    for (let pair = next++; pair < count; pair = next++) {
      // Which of the two comes first changes, so that neither always follows the other.
      for (const which of pair % 2 === 0 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const)) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other, or they would wait for each other
        const { ms, answer } = await ask(product, route, { which, pair })
        if (pair >= warmUp) times[which].push(ms)
        answers.add(answer)
      }
    }
  }
  await Promise.all(Array.from({ length: route.atOnce }, work))
  const [known, unknown] = [quantile(times.known, 0.5), quantile(times.unknown, 0.5)]
  const medians = `medians ${known.toFixed(2)} and ${unknown.toFixed(2)} ms (${(known - unknown).toFixed(2)} ms)`
  return {
    line: `${route.what}: ${times.known.length} pairs, ${medians}, ${answers.size} different answers`,
    ok: Math.abs(known - unknown) <= mostDifferenceMs && answers.size === 1,
  }
}

type Which = 'known' | 'unknown'

async function ask(
  { api }: Product,
  route: Route,
  { which, pair }: { which: Which; pair: number },
): Promise<{ ms: number; answer: string }> {
  const body = route[which](pair)
  const from = performance.now()
  const response = await post(`${api}${route.path}`, body)
  const text = await response.text()
  const ms = performance.now() - from
  // Of each request alone.
  const answer = text.replace(/"request_id":"[^"]*"/, '')
  return { ms, answer: `${response.status} ${answer}` }
}
