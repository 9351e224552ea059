import { BaywireError, describeError } from '../../errors.ts'

/** What a check has found: how it is, and unless all is well, what to do. Holds nothing secret. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string
  readonly state: 'ok' | 'warning' | 'problem'
  readonly what: string
  readonly advice?: string
}

export function ok(check: string, what: string): Finding {
  return { check, state: 'ok', what }
}

export function warning(check: string, what: string, advice: string): Finding {
  return { check, state: 'warning', what, advice }
}

export function problem(check: string, what: string, advice: string): Finding {
  return { check, state: 'problem', what, advice }
}

/** Runs one check; one that fails is a problem of its own and keeps no other from running. */
export async function look(
  check: string,
  work: () => Promise<Finding | readonly Finding[]> | Finding | readonly Finding[],
): Promise<Finding[]> {
  try {
    return [await work()].flat()
  } catch (error) {
    const advice = error instanceof BaywireError ? error.advice : undefined
    return [problem(check, describeError(error), advice ?? 'mend what the message says, then run this again')]
  }
}
