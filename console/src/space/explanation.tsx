import { Time } from '../components/time.tsx'
import { outcomeFaces } from '../outcomes.ts'
import { StatusBadge } from '../status.tsx'
import type { Explanation } from './data.ts'
import { Fact, MessageCard } from './message-card.tsx'
import { MessageLink, timeOfId } from './message-link.tsx'
import { Told } from './told.tsx'
import { kindText } from './words.ts'

/** Why it showed that: a sentence, then what won, what lost, and what else was in force. */
export function ExplanationView({
  explanation,
  timezone,
  isNow,
}: {
  explanation: Explanation
  timezone: string
  isNow: boolean
}) {
  const { state, shown, evidence, lost, at, space } = explanation
  const told = { timezone, spaceId: space.id }
  const isOther = explanation.as_known_now && state !== null && shown !== null && state.status !== shown.status
  return (
    <>
      <div class="answer">
        <p class="answer-state">
          {state === null ? null : <StatusBadge status={state.status} />}
          {state?.stale === true ? <span class="stale-mark">stale</span> : null}
          <span class="fine">
            {isNow ? 'now' : <Time at={at} timezone={timezone} />}
            {explanation.as_known_now ? ', by all that is known now' : isNow ? null : ', as it was shown'}
            {state?.since == null ? null : (
              <>
                , since <Time at={state.since} timezone={timezone} />
              </>
            )}
          </span>
        </p>
        <p class="because">
          <Told sentence={explanation.because} {...told} />
        </p>
        {isOther ? (
          <p class="note">
            Then shown: <StatusBadge status={shown.status} />. What is known now says otherwise.
          </p>
        ) : null}
      </div>
      {explanation.explainable_from === null ? (
        <>
          <h3>The evidence that won</h3>
          {evidence === null ? (
            <p class="fine">None: no reading had said anything that still counted.</p>
          ) : (
            <MessageCard message={evidence} timezone={timezone} won />
          )}
          <Waiting explanation={explanation} timezone={timezone} />
          {lost.length === 0 ? null : (
            <>
              <h3>The evidence that did not count ({lost.length})</h3>
              {lost.map((message) => (
                <details key={`${message.id} ${message.part}`} class="lost">
                  <summary>
                    <Time at={message.clocks.arrival} timezone={timezone} />{' '}
                    <strong>{outcomeFaces[message.outcome].label.toLowerCase()}</strong>:{' '}
                    <Told sentence={message.why} {...told} />
                  </summary>
                  <MessageCard message={message} timezone={timezone} />
                </details>
              ))}
            </>
          )}
          <h3>What else was in force</h3>
          <InForce explanation={explanation} timezone={timezone} />
          <Before explanation={explanation} timezone={timezone} />
        </>
      ) : null}
    </>
  )
}

function Waiting({ explanation: { waiting }, timezone }: { explanation: Explanation; timezone: string }) {
  if (waiting === null) return null
  const { occupancy, since, readings, of, confirm_at: confirmAt } = waiting
  return (
    <p class="note">
      A change to {occupancy} waits to be confirmed, since <Time at={since} timezone={timezone} />: {readings} of {of}{' '}
      readings, or no contradiction until <Time at={confirmAt} timezone={timezone} />.
    </p>
  )
}

function InForce({ explanation, timezone }: { explanation: Explanation; timezone: string }) {
  const { override, reservation, policy, event, next_timer: next, rules_version: rulesVersion } = explanation
  const time = (at: string) => <Time at={at} timezone={timezone} />
  return (
    <dl class="facts">
      <Fact name="Last change">
        {event === null ? (
          'none was recorded'
        ) : (
          <>
            {kindText(event.kind)} at {time(event.event_time)}, recorded {time(event.recorded_at)}
          </>
        )}
      </Fact>
      {event === null ? null : (
        <Fact name="Rule">
          {event.rule_text} <span class="fine">({event.rule})</span>
        </Fact>
      )}
      <Fact name="Override">
        {override === null ? (
          'none'
        ) : (
          <>
            {override.kind.replaceAll('_', ' ')} since {time(override.starts_at)}
            {override.ends_at === null ? ', without an end' : <>, until {time(override.ends_at)}</>}
            {override.reason === null ? null : (
              <>
                : <bdi>{override.reason}</bdi>
              </>
            )}
          </>
        )}
      </Fact>
      <Fact name="Reservation">
        {reservation === null ? (
          'none'
        ) : (
          <>
            {time(reservation.start)} to {time(reservation.end)}
            {reservation.checked_in_at === null ? (
              ', not checked in'
            ) : (
              <>, checked in {time(reservation.checked_in_at)}</>
            )}
          </>
        )}
      </Fact>
      <Fact name="Policy">
        version {policy.version}: {policyText(policy)}
        {rulesVersion === null ? null : <span class="fine"> (rules {rulesVersion})</span>}
      </Fact>
      <Fact name="Next timer">
        {next === null ? (
          'none'
        ) : (
          <>
            {time(next.at)}: {next.effect}
          </>
        )}
      </Fact>
    </dl>
  )
}

function policyText({ debounce, sensor_timeout_s: timeout, unknown_after_s: unknown }: Explanation['policy']): string {
  const confirmed =
    debounce === null ? 'debounce off' : `debounce ${debounce.readings} readings or ${debounce.hold_s} s`
  return `${confirmed}, stale after ${hours(timeout)}, unknown after ${hours(unknown)}`
}

function hours(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`
}

function Before({
  explanation: { timeline, space, as_known_now: asKnownNow },
  timezone,
}: {
  explanation: Explanation
  timezone: string
}) {
  if (timeline.length === 0) return null
  return (
    <details>
      <summary>What came before ({timeline.length})</summary>
      <ol class="came-before">
        {timeline.map(({ at, text, outcome, events, message }, index) => (
          <li key={index}>
            <Time at={at} timezone={timezone} /> <Told sentence={text} timezone={timezone} spaceId={space.id} />
            {outcome === null ? null : <span class="fine"> ({[outcome, ...events].join(', ')})</span>}
            {message === null ? null : (
              <>
                {' '}
                <MessageLink
                  mentioned={{ ...message, near: asKnownNow ? timeOfId(message.id) : at, spaceId: space.id }}
                />
              </>
            )}
          </li>
        ))}
      </ol>
    </details>
  )
}
