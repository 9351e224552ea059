import type { ComponentChildren } from 'preact'
import { Dialog } from '../components/dialog.tsx'
import { useLoaded } from '../components/loaded.ts'
import { Empty, Show } from '../components/states.tsx'
import { Time } from '../components/time.tsx'
import { OutcomeMark } from '../outcome-mark.tsx'
import { outcomeFaces } from '../outcomes.ts'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { messageUrl } from './message-filter.ts'
import { PayloadView } from './payload.tsx'
import { Said } from './reading-table.tsx'
import { keyOfReading } from './tail.ts'
import type { Reading } from './tail-follower.ts'

/** The message that the URL names, in front of the list: one of `listed`, or read from the log. */
export function OpenedReading({ listed }: { listed: readonly Reading[] }) {
  const { navigation } = useServices()
  const { query } = navigation.place.value
  const key = query.get('open') ?? ''
  const at = query.get('open_at') ?? ''
  if (key === '') return null
  const close = () => navigation.setQuery({ open: undefined, open_at: undefined })
  return (
    <Dialog title="Message" onClose={close}>
      <div class="message-detail">
        <Found key={key} wanted={key} at={at} known={listed.find((reading) => keyOfReading(reading) === key)} />
      </div>
      <div class="dialog-actions">
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  )
}

export function useOpenReading(): (reading: Reading) => void {
  const { navigation } = useServices()
  return (reading) => navigation.setQuery({ open: keyOfReading(reading), open_at: reading.clocks.arrival })
}

function Found({ wanted, at, known }: { wanted: string; at: string; known: Reading | undefined }) {
  const { api } = useServices()
  // It is kept when the list goes on without it.
  const found = useLoaded(
    async (signal) => {
      if (known !== undefined) return known
      const from = new Date(at)
      if (Number.isNaN(from.getTime())) return null
      // Of one millisecond: there may be several, but not many pages of them.
      const query = { from: from.toISOString(), to: new Date(from.getTime() + 1).toISOString(), limit: '1000' }
      const { items } = await bodyOf(api.readings.$get({ query }, { init: { signal } }))
      return items.find((reading) => keyOfReading(reading) === wanted) ?? null
    },
    [wanted, at],
  )
  return (
    <Show loaded={found}>
      {(reading) =>
        reading === null ? (
          <Empty title="This message is not in the log">
            <p>It is older than what is kept, or the link to it is not whole.</p>
          </Empty>
        ) : (
          <ReadingDetail reading={reading} />
        )
      }
    </Show>
  )
}

function ReadingDetail({ reading }: { reading: Reading }) {
  const { clocks, device, device_id: deviceId, space_id: spaceId, outcome, reason, observed_at: observedAt } = reading
  return (
    <>
      <p class="verdict">
        <OutcomeMark outcome={outcome} />: {outcomeFaces[outcome].about}
        {reason === null ? '' : ' – '}
        {reason === null ? null : <bdi>{reason}</bdi>}.
      </p>
      <dl class="facts">
        <Fact name="Topic">
          <bdi class="code">{reading.topic}</bdi>
        </Fact>
        <Fact name="Said">
          <Said occupied={reading.occupied} />
        </Fact>
        <Fact name="Device">
          {device === null ? <span class="none">unknown</span> : null}
          {device !== null && deviceId === null ? <bdi class="code">{device}</bdi> : null}
          {device !== null && deviceId !== null ? (
            <a href={`/devices/${deviceId}`}>
              <bdi class="code">{device}</bdi>
            </a>
          ) : null}
        </Fact>
        <Fact name="Space">
          {spaceId === null ? (
            <span class="none">it reached none</span>
          ) : (
            <a href={`/spaces/${spaceId}?at=${encodeURIComponent(clocks.arrival)}`}>
              What its space showed at that moment
            </a>
          )}
        </Fact>
        <Fact name="Device's clock">
          {clocks.device === null ? <span class="none">it said none</span> : <Time at={clocks.device} />}
        </Fact>
        <Fact name="Arrived">
          <Time at={clocks.arrival} />
          {clocks.device === null ? null : <span class="fine"> {apart(clocks.device, clocks.arrival)}</span>}
        </Fact>
        <Fact name="What counted">
          {observedAt === null ? <span class="none">no time of it</span> : <Time at={observedAt} />}{' '}
          {reading.clock_text === null ? null : <span class="fine">{reading.clock_text}</span>}
        </Fact>
        {reading.counter === null ? null : (
          <Fact name="Identity">
            message {reading.counter}
            {reading.session === null ? null : (
              <>
                {' '}
                of session <bdi>{reading.session}</bdi>
              </>
            )}
          </Fact>
        )}
        {reading.delivery === null ? null : <Fact name="Delivery">{reading.delivery}</Fact>}
        <Fact name="Message">
          <a href={messageUrl({ id: reading.id, part: reading.part, arrival: clocks.arrival })}>
            <code>{reading.id}</code>
          </a>
          {reading.part === 0 ? null : `, reading ${reading.part + 1} of it`}
        </Fact>
      </dl>
      <h3>Payload</h3>
      <PayloadView
        payload={reading.payload}
        elsewhere={
          reading.part === 0 ? undefined : (
            <a href={messageUrl({ id: reading.id, part: 0, arrival: clocks.arrival })}>
              It stands at the first reading of this message.
            </a>
          )
        }
      />
    </>
  )
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  )
}

function apart(device: string, arrival: string): string {
  const ms = Date.parse(arrival) - Date.parse(device)
  const amount = Math.abs(ms) < 10_000 ? `${Math.abs(ms)} ms` : `${Math.round(Math.abs(ms) / 1000)} s`
  return ms < 0 ? `${amount} before its clock said so` : `${amount} later`
}
