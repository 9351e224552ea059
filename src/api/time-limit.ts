export class TimeLimitError extends Error {
  constructor(limitMs: number) {
    super(`no answer within ${limitMs} ms`)
    this.name = 'TimeLimitError'
  }
}

/** Waits for `work` no longer than this. The work itself goes on; what becomes of it is nobody's concern. */
export async function withinTime<T>(work: Promise<T>, limitMs: number): Promise<T> {
  return await begunWithinTime(() => work, limitMs)
}

/** The same for work that may wait for its turn: `late` is aborted when the time is over, so that it does not begin any more. */
export async function begunWithinTime<T>(work: (late: AbortSignal) => Promise<T>, limitMs: number): Promise<T> {
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new TimeLimitError(limitMs)
      late.abort(error)
      reject(error)
    }, limitMs)
  })
  try {
    return await Promise.race([work(late.signal), limit])
  } finally {
    clearTimeout(timer)
  }
}
