import { outcomes, type Outcome } from './outcome-names.ts'

export { outcomes, type Outcome }

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

export function OutcomeMark({ outcome }: { outcome: Outcome | null }) {
  if (outcome === null) return <span class="none">none</span>
  const { label, about, dead } = outcomeFaces[outcome]
  return (
    <span class={dead === true ? 'mark mark-danger' : undefined} title={about}>
      {label}
    </span>
  )
}
