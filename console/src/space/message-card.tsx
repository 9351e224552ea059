import type { ComponentChildren } from 'preact'
import { Time } from '../components/time.tsx'
import type { Message } from './data.ts'
import { messageHref } from './links.ts'
import { hexLines, outcomeText, saidText } from './words.ts'

/** One message: what it said, by which clocks, and its bytes. */
export function MessageCard({
  message,
  timezone,
  children,
}: {
  message: Message
  timezone: string
  /** Why it did or did not count. */
  children?: ComponentChildren
}) {
  const { id, part, device, occupied, clocks, clock_text: clockText, topic, outcome, delivery, session } = message
  const href = messageHref({ id, part, at: clocks.arrival, topic })
  return (
    <article class="message" data-outcome={outcome} aria-label={`Message of ${device ?? 'an unknown device'}`}>
      <p class="message-head">
        <strong>
          <bdi>{device ?? 'An unknown device'}</bdi> said {saidText(occupied)}
        </strong>
        <span class="outcome" data-outcome={outcome}>
          {outcomeText(outcome)}
        </span>
        <a href={href}>Look at it in the log</a>
      </p>
      {children}
      <dl class="facts">
        <dt>Device’s clock</dt>
        <dd>{clocks.device === null ? 'it sent no time' : <Time at={clocks.device} timezone={timezone} />}</dd>
        {clocks.network === null ? null : (
          <>
            <dt>Network’s clock</dt>
            <dd>
              <Time at={clocks.network} timezone={timezone} />
            </dd>
          </>
        )}
        <dt>Arrived</dt>
        <dd>
          <Time at={clocks.arrival} timezone={timezone} />
        </dd>
        {clockText === null ? null : (
          <>
            <dt>What counted</dt>
            <dd>{clockText}</dd>
          </>
        )}
        <dt>Topic</dt>
        <dd>
          <code>{topic}</code>
        </dd>
        <dt>Identity</dt>
        <dd class="identity">
          <code>{id}</code> part {part}
          {session === null ? null : (
            <>
              , session <code>{session}</code>
            </>
          )}
          {message.counter === null ? null : <>, number {message.counter}</>}
          {delivery === null ? null : <>, {delivery}</>}
        </dd>
      </dl>
      <Payload payload={message.payload} />
    </article>
  )
}

/** As text, where it is one, and as bytes for whoever doubts. */
function Payload({ payload }: { payload: Message['payload'] }) {
  if (payload === null) return <p class="fine">Its payload is not kept here.</p>
  const { text, hex, bytes } = payload
  const lines = hexLines(hex).join('\n')
  const cut = hex.length / 2 < bytes ? `, the first ${hex.length / 2} shown` : ''
  if (text === null) {
    return (
      <>
        <p class="fine">
          Payload, {bytes} bytes{cut}; it is no text:
        </p>
        <pre class="payload">{lines}</pre>
      </>
    )
  }
  return (
    <>
      <pre class="payload">{text}</pre>
      <details>
        <summary>
          As bytes ({bytes}
          {cut})
        </summary>
        <pre class="payload">{lines}</pre>
      </details>
    </>
  )
}
