import { isProblem } from '../requests/requests.ts'
import { fieldOfPath, type MessageField } from './message-filter.ts'

/** What the API says against single fields of the filter, and what is left to be said elsewhere. */
export function fieldErrors(error: Error | undefined): {
  errors: Partial<Record<MessageField, string>>
  rest: Error | undefined
} {
  if (!isProblem(error) || error.errors.length === 0) return { errors: {}, rest: error }
  const errors: Partial<Record<MessageField, string>> = {}
  for (const { path, message } of error.errors) {
    const field = fieldOfPath(path)
    if (field === undefined) return { errors: {}, rest: error }
    errors[field] = `${message.charAt(0).toUpperCase()}${message.slice(1)}`
  }
  return { errors, rest: undefined }
}
