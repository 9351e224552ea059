import { Table, type Column } from '../components/table.tsx'
import { counted } from '../numbers.ts'
import { outcomeFaces, outcomes } from '../outcomes.ts'
import { clock } from './hours-chart.tsx'
import type { Hour } from './hours.ts'

const columns: readonly Column<Hour>[] = [
  { head: 'Hour', cell: ({ at }) => <time dateTime={at.toISOString()}>{clock(at)}</time> },
  { head: 'Received', numeric: true, cell: ({ received }) => counted(received) },
  ...outcomes.map((outcome) => ({
    head: outcomeFaces[outcome].label,
    numeric: true,
    cell: (hour: Hour) => (hour[outcome] === 0 ? <span class="none">0</span> : counted(hour[outcome])),
  })),
]

/** The hours so far in which something came. */
export function HoursTable({ hours }: { hours: readonly Hour[] }) {
  return (
    <Table
      caption="Readings per hour by outcome"
      items={hours.filter(({ received }) => received > 0)}
      keyOf={({ at }) => at.toISOString()}
      columns={columns}
    />
  )
}
