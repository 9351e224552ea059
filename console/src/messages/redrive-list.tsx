import { Table } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import { counted } from '../numbers.ts'
import { outcomeFaces } from '../outcomes.ts'
import { useServices } from '../services.ts'
import type { Redrive } from './redrive-request.ts'

const stands: Readonly<Record<Redrive['status'], string>> = {
  waiting: 'waits',
  running: 'runs',
  done: 'done',
  failed: 'failed',
}

export function EarlierRedrives({ items }: { items: readonly Redrive[] }) {
  const { navigation } = useServices()
  if (items.length === 0) return null
  return (
    <details class="earlier">
      <summary>Earlier redrives ({counted(items.length)})</summary>
      <Table
        caption="Earlier redrives, the newest first"
        items={items}
        keyOf={({ id }) => id}
        columns={[
          {
            head: 'Asked for',
            cell: ({ id, requested_at: at }) => (
              <button type="button" class="opens" onClick={() => navigation.setQuery({ redrive: id })}>
                <span class="unseen">Show the redrive of </span>
                <Time at={at} />
              </button>
            ),
          },
          { head: 'Kind', cell: ({ execute }) => (execute ? 'executed' : 'dry run') },
          {
            head: 'Letters of',
            cell: ({ filter }) => (
              <div>
                <RedrivenLetters filter={filter} />
              </div>
            ),
          },
          {
            head: 'Stands',
            cell: ({ status, reason }) =>
              status === 'failed' ? (
                <span class="mark mark-danger">{reason === 'cancelled' ? 'cancelled' : 'failed'}</span>
              ) : (
                stands[status]
              ),
          },
          {
            head: 'Settled',
            cell: ({ report, execute }) =>
              report === null ? <span class="none">–</span> : `${counted(report.settled)}${execute ? '' : ' would'}`,
            numeric: true,
          },
        ]}
      />
    </details>
  )
}

/** Which letters, in words. */
export function RedrivenLetters({ filter: { outcome, device, topic, from, to } }: { filter: Redrive['filter'] }) {
  const isAll = [outcome, device, topic, from, to].every((part) => part === undefined)
  if (isAll) return <>all dead letters</>
  return (
    <>
      {outcome === undefined ? 'letters' : outcome.map((name) => outcomeFaces[name].label.toLowerCase()).join(', ')}
      {device === undefined ? null : (
        <>
          {' '}
          of <bdi class="code">{device}</bdi>
        </>
      )}
      {topic === undefined ? null : (
        <>
          {' '}
          at <bdi class="code">{topic}</bdi>
        </>
      )}
      {from === undefined ? null : (
        <>
          {' '}
          from <Time at={from} />
        </>
      )}
      {to === undefined ? null : (
        <>
          {' '}
          before <Time at={to} />
        </>
      )}
    </>
  )
}
