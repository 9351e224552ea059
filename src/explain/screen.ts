import type { Explanation } from './explain.ts'
import { explanationBody } from './body.ts'
import { duration, time } from './words.ts'

/** What no terminal should be given, ends of lines among it: a line of ours is one line. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu

/** An explanation as an operator reads it: one screen. */
export function explanationScreen(explanation: Explanation): string {
  const body = explanationBody(explanation)
  return [...head(explanation, body), ...evidence(body), ...lost(body), ...rules(explanation, body), ...timeline(body)]
    .map((line) => line.replaceAll(unprintable, '?'))
    .join('\n')
}

type Body = ReturnType<typeof explanationBody>

function head({ space, at }: Explanation, body: Body): string[] {
  const { state, shown } = body
  const path = `${space.tenant}/${space.site}/${space.code}`
  const known = body.as_known_now ? 'by all that is known now' : 'as shown'
  const word = state === null ? 'not explainable' : state.status.replaceAll('_', ' ').toUpperCase()
  const since = state?.since ? `, since ${state.since}` : ''
  const lines = [`${path}  ${word}  at ${time(at)}, ${known}${since}`]
  if (body.as_known_now && shown !== null && shown.status !== state?.status) {
    lines.push(`Then shown: ${shown.status.replaceAll('_', ' ').toUpperCase()}. What is known now says otherwise.`)
  }
  if (state === null && shown !== null) lines.push(`The last event before says: ${shown.status}.`)
  return [...lines, '', body.because]
}

function evidence({ evidence: won }: Body): string[] {
  if (won === null) return []
  const { clocks, payload } = won
  const rows: [string, string][] = [
    ['message', `${won.id}/${won.part}  ${won.outcome}${won.delivery === null ? '' : ` (${won.delivery})`}`],
    ['topic', won.topic],
    [
      'payload',
      payload === null ? 'not kept' : (payload.text?.replaceAll(/\s+/g, ' ') ?? `${payload.hex} (hex)`).slice(0, 200),
    ],
    ['clocks', `device ${clocks.device ?? '-'}  network ${clocks.network ?? '-'}  arrival ${clocks.arrival}`],
    ['counted', `as of ${won.observed_at}, by ${won.clock_text}`],
  ]
  return ['', 'The evidence that won', ...rows.map(([name, text]) => `  ${name.padEnd(9)}${text}`)]
}

function lost({ lost: all }: Body): string[] {
  if (all.length === 0) return []
  const lines = all.slice(0, 6).flatMap((one) => {
    const said = one.occupied === null ? '' : one.occupied ? ' occupied' : ' vacant'
    return [
      `  ${one.clocks.arrival}  ${one.outcome}${said}  ${one.device ?? ''}  ${one.id}/${one.part}`,
      `    ${one.why}`,
    ]
  })
  return ['', 'The evidence that did not count, and why', ...lines]
}

function rules({ at }: Explanation, body: Body): string[] {
  const { event, policy, override, reservation, next_timer: next } = body
  const debounce =
    policy.debounce === null ? 'off' : `${policy.debounce.readings} readings or ${policy.debounce.hold_s} s`
  const rows: [string, string][] = []
  // What was shown had its own rule; what is known now follows from the evidence alone.
  if (event !== null && !body.as_known_now)
    rows.push(
      ['last', `${event.kind} at ${event.event_time}, recorded ${event.recorded_at}`],
      ['rule', `${event.rule}: ${event.rule_text}`],
    )
  if (override !== null)
    rows.push([
      'override',
      `${override.kind}${override.reason === null ? '' : `: ${override.reason}`} from ${override.starts_at} to ${override.ends_at ?? 'its end'}`,
    ])
  if (reservation !== null) rows.push(['reserved', `${reservation.id} from ${reservation.start} to ${reservation.end}`])
  rows.push([
    'policy',
    `version ${policy.version}: debounce ${debounce}, stale after ${duration(policy.sensor_timeout_s * 1000)}, unknown after ${duration(policy.unknown_after_s * 1000)}`,
  ])
  if (next !== null) rows.push(['next', `in ${duration(Date.parse(next.at) - at)}, at ${next.at}: ${next.effect}`])
  return ['', ...rows.map(([name, text]) => `${name.padEnd(9)} ${text}`)]
}

function timeline({ timeline: entries }: Body): string[] {
  if (entries.length === 0) return []
  const lines = entries.map(({ at, text, outcome, events }) => {
    const did = [outcome, ...events].filter((word) => word !== null).join(', ')
    return `  ${at}  ${text}${did === '' ? '' : `  (${did})`}`
  })
  return ['', 'What came before, the oldest first', ...lines]
}
