import { outcomeFaces, type Outcome } from './outcomes.ts'

/** What became of a reading; what had no effect is marked. */
export function OutcomeMark({ outcome }: { outcome: Outcome | null }) {
  if (outcome === null) return <span class="none">none</span>
  const { label, about, dead } = outcomeFaces[outcome]
  return (
    <span class={dead === true ? 'mark mark-danger' : undefined} title={about}>
      {label}
    </span>
  )
}
