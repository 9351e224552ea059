import { useLoaded } from '../components/loaded.ts'
import { Empty, Show } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import { OutcomeMark } from '../outcome-mark.tsx'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'

const readingsShown = '10'
const assignmentsShown = '20'

/** What it said last, of the last 24 hours. */
export function LastReadings({ code, turn }: { code: string; turn: number }) {
  const { api } = useServices()
  const readings = useLoaded(
    (signal) => bodyOf(api.readings.$get({ query: { device: code, limit: readingsShown } }, { init: { signal } })),
    [code, turn],
  )
  return (
    <section aria-labelledby="device-readings" class="wide">
      <div class="section-heading">
        <h2 id="device-readings">Last readings</h2>
        <a href={`/messages?device=${encodeURIComponent(code)}`}>Search all its messages</a>
      </div>
      <Show loaded={readings}>
        {({ items }) => (
          <Table
            caption="Its last readings, the newest first"
            items={items}
            keyOf={({ id, part, outcome }) => `${id} ${part} ${outcome}`}
            columns={[
              { head: 'Arrived', cell: ({ clocks }) => <Time at={clocks.arrival} /> },
              {
                head: 'Said',
                cell: ({ occupied }) =>
                  occupied === null ? <span class="none">not to be read</span> : occupied ? 'occupied' : 'vacant',
              },
              { head: 'Outcome', cell: ({ outcome }) => <OutcomeMark outcome={outcome} /> },
              { head: 'Why', cell: ({ reason }) => reason ?? <span class="none">–</span> },
              { head: 'Clock', cell: ({ clock_text: clock }) => clock ?? <span class="none">–</span> },
            ]}
            empty={
              <Empty title="It said nothing in the last 24 hours">
                <p>Is it switched on, in reach of its gateway, and does its credential open the broker?</p>
              </Empty>
            }
          />
        )}
      </Show>
    </section>
  )
}

export function Assignments({ id, turn }: { id: string; turn: number }) {
  const { api } = useServices()
  const assignments = useLoaded(
    (signal) =>
      bodyOf(
        api.devices[':id'].assignments.$get(
          { param: { id }, query: { limit: assignmentsShown } },
          { init: { signal } },
        ),
      ),
    [id, turn],
  )
  return (
    <section aria-labelledby="device-assignments" class="wide">
      <div class="section-heading">
        <h2 id="device-assignments">Where it stood</h2>
      </div>
      <Show loaded={assignments}>
        {({ items }) => (
          <Table
            caption="Where it stood, the newest first"
            items={items}
            keyOf={(assignment) => assignment.id}
            columns={[
              {
                head: 'Space',
                cell: ({ space, space_id: spaceId }) => (
                  <a href={`/spaces/${spaceId}`}>
                    <bdi>{space}</bdi>
                  </a>
                ),
              },
              { head: 'From', cell: ({ assigned_at: at }) => (at === null ? 'always' : <Time at={at} />) },
              { head: 'To', cell: ({ unassigned_at: at }) => (at === null ? 'now' : <Time at={at} />) },
            ]}
            empty={
              <Empty title="It never stood anywhere">
                <p>What it says has no effect until it is put at a space.</p>
              </Empty>
            }
          />
        )}
      </Show>
    </section>
  )
}
