/** `npm run load`: what accounts must hold under load, measured. Exit 0 when all bounds are kept, 1 when one is not, 2: wrong use. */
import { parseArgs } from 'node:util'
import { logins } from './logins.ts'
import { startProduct } from './product.ts'
import { timing } from './timing.ts'

const usage = `npm run load -- [--only timing,logins] [--pairs 2000] [--rate 200] [--seconds 20]

  timing   does the time of an answer say whether an address has an account? --pairs known and unknown ones in turn,
           the difference of their median times at most 2 ms
  logins   reads and readings while --rate people per second log in, for --seconds; the surplus is answered 503
`

const checks = { timing, logins }

async function main(): Promise<number> {
  const options = readOptions()
  if (options === undefined) {
    process.stderr.write(usage)
    return 2
  }
  const product = await startProduct()
  let kept = true
  try {
    for (const name of options.only) {
      // oxlint-disable-next-line no-await-in-loop -- they would disturb each other
      for await (const { line, ok } of checks[name](product, options)) {
        process.stdout.write(`${name}: ${line}${ok ? '' : '  MISSED'}\n`)
        kept &&= ok
      }
    }
  } finally {
    await product.stop()
  }
  return kept ? 0 : 1
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: 'timing,logins' },
        pairs: { type: 'string', default: '2000' },
        rate: { type: 'string', default: '200' },
        seconds: { type: 'string', default: '20' },
      },
    })
    const only = values.only.split(',').filter((name) => name === 'timing' || name === 'logins')
    const numbers = [values.pairs, values.rate, values.seconds]
    if (only.length !== values.only.split(',').length || !numbers.every((text) => /^[1-9]\d{0,5}$/.test(text)))
      return undefined
    return { only, pairs: Number(values.pairs), rate: Number(values.rate), seconds: Number(values.seconds) }
  } catch {
    return undefined
  }
}

process.exitCode = await main()
