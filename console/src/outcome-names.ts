/** What became of a reading: in the order in which they are told. */
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
