import type { ComponentChildren } from 'preact'
import { messageUrl } from '../messages/message-filter.ts'
import { PayloadView } from '../messages/payload.tsx'
import { outcomeFaces } from '../outcomes.ts'
import { fullTime } from '../times.ts'
import type { Message } from './data.ts'
import { saidText } from './words.ts'

/** One message: what it said, by which clocks, and its bytes. */
export function MessageCard({ message, timezone, won }: { message: Message; timezone: string; won?: boolean }) {
  const { id, part, device, occupied, clocks, clock_text: clockText, topic, outcome, reason, payload } = message
  return (
    <article
      class={won === true ? 'space-message won' : 'space-message'}
      aria-label={`Message of ${device ?? 'an unknown device'}`}
    >
      <p class="message-head">
        <strong>
          <bdi>{device ?? 'An unknown device'}</bdi> said {saidText(occupied)}
        </strong>
        <span class="fine">
          {outcomeFaces[outcome].label.toLowerCase()}: {outcomeFaces[outcome].about}
          {reason === null ? null : (
            <>
              {' '}
              (<bdi>{reason}</bdi>)
            </>
          )}
        </span>
        <a href={messageUrl({ id, part, arrival: clocks.arrival })}>Open it in the log</a>
      </p>
      <dl class="facts">
        <Fact name="Device’s clock">
          {clocks.device === null ? 'it sent no time' : <Clock at={clocks.device} timezone={timezone} />}
        </Fact>
        {clocks.network === null ? null : (
          <Fact name="Network’s clock">
            <Clock at={clocks.network} timezone={timezone} />
          </Fact>
        )}
        <Fact name="Arrived">
          <Clock at={clocks.arrival} timezone={timezone} />
        </Fact>
        {clockText === null ? null : <Fact name="What counted">{clockText}</Fact>}
        <Fact name="Topic">
          <bdi class="code">{topic}</bdi>
        </Fact>
        <Fact name="Identity">
          <Identity message={message} />
        </Fact>
      </dl>
      <PayloadView payload={payload} elsewhere="Its payload is not kept here." />
    </article>
  )
}

function Identity({ message: { id, part, session, counter, delivery } }: { message: Message }) {
  return (
    <>
      message <code>{id}</code>
      {part === 0 ? null : `, reading ${part + 1} of it`}
      {session === null ? null : (
        <>
          , session <bdi class="code">{session}</bdi>
        </>
      )}
      {counter === null ? null : `, number ${counter}`}
      {delivery === null ? null : `, ${delivery}`}
    </>
  )
}

/** To the millisecond: what clocks differ by is what one looks for here. */
function Clock({ at, timezone }: { at: string; timezone: string }) {
  const date = new Date(at)
  return (
    <time dateTime={at} title={`${at}, shown in ${timezone}`}>
      {fullTime(date, timezone)}
      <span class="fine">.{String(date.getUTCMilliseconds()).padStart(3, '0')}</span>
    </time>
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
