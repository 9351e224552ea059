import { Dialog } from '../components/dialog.tsx'
import { useLoaded } from '../components/loaded.ts'
import { Show } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { Time } from '../components/time.tsx'
import { OutcomeMark } from '../outcome-mark.tsx'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { messageUrl } from './message-filter.ts'
import { Fact } from './opened-reading.tsx'
import { PayloadView } from './payload.tsx'

/** The dead letter that the URL names, with all attempts to redrive it. */
export function OpenedLetter() {
  const { navigation } = useServices()
  const id = navigation.place.value.query.get('open') ?? ''
  if (id === '') return null
  const close = () => navigation.setQuery({ open: undefined, open_at: undefined })
  return (
    <Dialog title="Dead letter" onClose={close}>
      <div class="message-detail">
        <LetterDetail key={id} id={id.replace(/\..*$/, '')} />
      </div>
      <div class="dialog-actions">
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  )
}

function LetterDetail({ id }: { id: string }) {
  const { api } = useServices()
  const letter = useLoaded(
    (signal) => bodyOf(api['dead-letters'][':id'].$get({ param: { id } }, { init: { signal } })),
    [id],
  )
  return (
    <Show loaded={letter}>
      {({ topic, received_at: receivedAt, delivery, payload, parts }) => (
        <>
          <dl class="facts">
            <Fact name="Topic">
              <bdi class="code">{topic}</bdi>
            </Fact>
            <Fact name="Arrived">
              <Time at={receivedAt} />
            </Fact>
            {delivery === null ? null : <Fact name="Delivery">{delivery}</Fact>}
          </dl>
          {parts.map(({ part, device, outcome, reason, observed_at: observedAt, dead, attempts }) => (
            <section key={part} class="letter-part" aria-label={`Reading ${part + 1}`}>
              <p class="verdict">
                {parts.length > 1 ? `Reading ${part + 1}: ` : ''}
                <OutcomeMark outcome={outcome} /> <bdi>{reason}</bdi>
                {dead || attempts.length === 0 ? '' : ' – it has had its effect since.'}
              </p>
              <dl class="facts">
                <Fact name="Device">
                  {device === null ? <span class="none">unknown</span> : <bdi class="code">{device}</bdi>}
                </Fact>
                <Fact name="Its time">
                  {observedAt === null ? <span class="none">none that can be read</span> : <Time at={observedAt} />}
                </Fact>
                <Fact name="Message">
                  <a href={messageUrl({ id, part, arrival: receivedAt })}>As it stands in the log</a>
                </Fact>
              </dl>
              <Table
                caption="Attempts to redrive it"
                items={attempts}
                keyOf={({ attempt }) => String(attempt)}
                empty={<p class="none attempts">It was never redriven.</p>}
                columns={[
                  { head: 'Redriven', cell: ({ started_at: at }) => <Time at={at} /> },
                  {
                    head: 'Came to',
                    cell: ({ outcome: became, reason: why }) =>
                      became === null ? (
                        <span class="none">cut off, or under way</span>
                      ) : (
                        <div>
                          <OutcomeMark outcome={became} /> <bdi class="fine">{why}</bdi>
                        </div>
                      ),
                  },
                  { head: 'By', cell: ({ by }) => <span class="fine">{by}</span> },
                ]}
              />
            </section>
          ))}
          <h3>Payload</h3>
          <PayloadView payload={payload} />
        </>
      )}
    </Show>
  )
}
