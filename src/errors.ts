/**
 * Errors that a person is meant to read. `message` says what is wrong and with which field or setting,
 * `advice` what to do about it. Anything else that is thrown is a defect and ends as one logged line.
 */
export class BaywireError extends Error {
  readonly advice: string | undefined
  /** Exit code of the command that ends with this error: 1 a finding or refusal, 2 wrong use. */
  readonly exitCode: 1 | 2

  constructor(message: string, options: { advice?: string; exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'BaywireError'
    this.advice = options.advice
    this.exitCode = options.exitCode ?? 1
  }
}

/** Wrong use of a command or a setting: exit code 2. */
export class UsageError extends BaywireError {
  constructor(message: string, advice?: string) {
    super(message, advice === undefined ? { exitCode: 2 } : { advice, exitCode: 2 })
    this.name = 'UsageError'
  }
}

/** The first line of any thrown value, safe to print: no stack, no parameters of a query. */
export function describeError(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error)
  return message.split('\n', 1)[0] ?? ''
}
