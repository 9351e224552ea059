import { BaywireError } from '../errors.ts'
import { Refusal } from '../refusal.ts'

/** What a verb refuses is said in one line, with the fields that are wrong. */
export async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const fields = error.errors?.map(({ path, message }) => `${path} ${message}`).join('; ')
    throw new BaywireError(fields ?? error.message.replace(/\.$/, ''), { cause: error })
  }
}
