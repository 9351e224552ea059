import { Refusal } from '../refusal.ts'
import { errorCodeOf } from '../store/connection-error.ts'

/** The same for what another tenant has and for what does not exist. */
export function notFound(): Refusal {
  return new Refusal('not_found', 'There is nothing at this URL.')
}

/** Of an id in a body that names nothing of the tenant's. */
export function unknownReference(field: string): Refusal {
  return new Refusal('not_found', `There is nothing with the id in ${field}.`, {
    errors: [{ path: field, message: 'is the id of nothing that there is' }],
  })
}

export function taken(field: string): Refusal {
  return new Refusal('conflict', `There is another one with this ${field}.`, {
    errors: [{ path: field, message: 'is taken' }],
  })
}

const uniqueViolation = '23505'

/** A statement whose only unique key that may be hurt is that of `field`. */
export async function orTaken<T>(field: string, statement: Promise<T>): Promise<T> {
  try {
    return await statement
  } catch (error) {
    throw errorCodeOf(error) === uniqueViolation ? taken(field) : error
  }
}

/** "2 zones and 1 space". */
export function countsInWords(counts: Record<string, number>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([noun, count]) => `${count} ${noun}${count === 1 ? '' : 's'}`)
    .join(' and ')
}
