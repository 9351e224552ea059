/** What became of a reading: names and meanings, in the order in which they are told. */
export const outcomes = [
  'applied',
  'unchanged',
  'debouncing',
  'duplicate',
  'late',
  'retained',
  'unassigned',
  'unknown_device',
  'malformed',
] as const
export type Outcome = (typeof outcomes)[number]

interface Face {
  label: string
  about: string
  /** It had no effect, and somebody can mend that. */
  dead?: boolean
}

export const outcomeFaces: Readonly<Record<Outcome, Face>> = {
  applied: { label: 'Applied', about: 'it changed what its space shows' },
  unchanged: { label: 'Unchanged', about: 'it said what was known, and that the sensor is well' },
  debouncing: { label: 'Debouncing', about: 'it waits to be confirmed' },
  duplicate: { label: 'Duplicate', about: 'it had been delivered before' },
  late: { label: 'Late', about: 'something newer was known' },
  retained: { label: 'Retained', about: 'the broker had kept it from some time before', dead: true },
  unassigned: { label: 'Unassigned', about: 'its device stands at no space', dead: true },
  unknown_device: { label: 'Unknown device', about: 'nobody knows its device', dead: true },
  malformed: { label: 'Malformed', about: 'it could not be read', dead: true },
}
