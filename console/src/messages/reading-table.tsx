import type { ComponentChildren } from 'preact'
import { Time } from '../components/time.tsx'
import { OutcomeMark } from '../outcome-mark.tsx'
import { keyOfReading, type TailRow } from './tail.ts'
import { countOf } from '../numbers.ts'
import type { Reading } from './tail-follower.ts'

/** Readings of the log, the newest first; a row opens the message. */
export function ReadingTable({
  caption,
  rows,
  onOpen,
  children,
}: {
  caption: string
  rows: readonly TailRow<Reading>[]
  onOpen: (reading: Reading) => void
  /** Below the rows. */
  children?: ComponentChildren
}) {
  return (
    <div class="table-frame readings">
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) =>
            row.kind === 'gap' ? (
              <tr key={row.key} class="gap">
                <td colSpan={heads.length}>
                  {countOf(row.count, 'reading')} came here too fast to be shown. Narrow the filter, or search the log.
                </td>
              </tr>
            ) : (
              <ReadingRow key={row.key} reading={row.reading} onOpen={onOpen} />
            ),
          )}
        </tbody>
      </table>
      {children}
    </div>
  )
}

const heads = ['Arrived', 'Device', 'Said', 'Outcome', 'Topic', 'Payload']
const sampled = 160

function ReadingRow({ reading, onOpen }: { reading: Reading; onOpen: (reading: Reading) => void }) {
  const { clocks, device, outcome, reason, topic } = reading
  return (
    <tr data-reading={keyOfReading(reading)}>
      <td data-head={heads[0]} class="arrived">
        <button type="button" class="opens" onClick={() => onOpen(reading)}>
          <span class="unseen">Open the message of </span>
          <Time at={clocks.arrival} />
        </button>
      </td>
      <td data-head={heads[1]}>
        {device === null ? <span class="none">unknown</span> : <bdi class="code">{device}</bdi>}
      </td>
      <td data-head={heads[2]}>
        <Said occupied={reading.occupied} />
      </td>
      <td data-head={heads[3]}>
        <div>
          <OutcomeMark outcome={outcome} />
          {reason === null ? null : (
            <>
              {' '}
              <bdi class="fine">{reason}</bdi>
            </>
          )}
        </div>
      </td>
      <td data-head={heads[4]}>
        <bdi class="code topic">{topic}</bdi>
      </td>
      <td data-head={heads[5]} class="sample-cell">
        <Sample payload={reading.payload} />
      </td>
    </tr>
  )
}

/** The beginning of a payload, on one line. */
function Sample({ payload }: Pick<Reading, 'payload'>) {
  if (payload === null) return <span class="none">–</span>
  if (payload.text === null) return <span class="none">{countOf(payload.bytes, 'byte')}, no text</span>
  return <bdi class="code clipped">{payload.text.slice(0, sampled)}</bdi>
}

export function Said({ occupied }: { occupied: boolean | null }) {
  if (occupied === null) return <span class="none">not to be read</span>
  return <>{occupied ? 'occupied' : 'vacant'}</>
}
