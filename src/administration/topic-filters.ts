import { topicPattern } from '../mqtt/topic-filter.ts'
import { Refusal } from '../refusal.ts'

/**
 * What topics must match, as a regular expression, to be taken by an MQTT filter.
 *
 * @throws Refusal `invalid_input`, naming the field at `path`
 */
export function requireTopicPattern(filter: string, path: string): string {
  const pattern = topicPattern(filter)
  if (pattern !== undefined) return pattern
  throw new Refusal('invalid_input', 'Wrong input: see errors.', {
    errors: [{ path, message: 'is no MQTT topic filter: + stands for a whole level, # for all that follow' }],
  })
}
