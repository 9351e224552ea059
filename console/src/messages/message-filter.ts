import { outcomes, type Outcome } from '../outcomes.ts'

/** Which messages are meant, as the URL of the page has it: the same for all tabs, so that one takes it along. */
export interface MessageFilter {
  /** An MQTT topic filter. */
  topic: string
  /** The code of a device. */
  device: string
  /** `SITE/SPACE`, `SPACE` or an id. */
  space: string
  outcomes: readonly Outcome[]
  /** By arrival, RFC 3339; `to` is not included. */
  from: string
  to: string
}

export type MessageField = keyof MessageFilter

const names = ['topic', 'device', 'space', 'outcome', 'from', 'to'] as const

export function filterOf(query: URLSearchParams): MessageFilter {
  const of = (name: (typeof names)[number]) => query.get(name) ?? ''
  const wanted = new Set(of('outcome').split(','))
  return {
    topic: of('topic'),
    device: of('device'),
    space: of('space'),
    outcomes: outcomes.filter((outcome) => wanted.has(outcome)),
    from: of('from'),
    to: of('to'),
  }
}

/** For `navigation.setQuery`. */
export function queryOf({ outcomes: wanted, ...filter }: MessageFilter): Record<string, string> {
  return { ...filter, outcome: wanted.join(',') }
}

/** What the API takes as query parameters: what is empty is not sent. */
export function apiQuery(
  { topic, device, outcomes: wanted, from, to }: MessageFilter,
  { spaceId, within = true }: { spaceId?: string | undefined; within?: boolean } = {},
): Record<string, string> {
  const all = {
    topic,
    device,
    space_id: spaceId ?? '',
    outcome: wanted.join(','),
    ...(within ? { from, to } : {}),
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
}

/** The URL of a tab for the same messages. */
export function tabUrl(tab: string, query: URLSearchParams): string {
  const kept = new URLSearchParams()
  if (tab !== '') kept.set('tab', tab)
  for (const name of names) {
    const value = query.get(name)
    if (value !== null && value !== '') kept.set(name, value)
  }
  const text = kept.toString()
  return `/messages${text === '' ? '' : `?${text}`}`
}

/** The URL that opens one message. */
export function messageUrl({ id, part, arrival }: { id: string; part: number; arrival: string }): string {
  return `/messages?${new URLSearchParams({ tab: 'search', open: `${id}.${part}`, open_at: arrival }).toString()}`
}

/** The field of the form that an error of the API belongs to, by its path there: `topic`, `filter.space_id`. */
export function fieldOfPath(path: string): MessageField | undefined {
  const name = path.replace(/^filter\./, '')
  if (name === 'space_id') return 'space'
  if (name === 'outcome' || name.startsWith('outcome.')) return 'outcomes'
  return name === 'topic' || name === 'device' || name === 'from' || name === 'to' ? name : undefined
}

/** `2026-11-21T14:05:03`, as inputs for a moment take it, in the time zone of the browser; '' for what is none. */
export function localMoment(text: string): string {
  const at = new Date(text)
  if (text === '' || Number.isNaN(at.getTime())) return ''
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}

/** RFC 3339 of what such an input has; what was there before, where it still means that. */
export function momentOf(local: string, before: string): string {
  if (local === localMoment(before)) return before
  const at = new Date(local)
  return Number.isNaN(at.getTime()) ? '' : at.toISOString()
}

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

export function isId(text: string): boolean {
  return uuid.test(text)
}

interface Hit {
  kind: string
  id: string
  code: string
  site?: string
}

/** What was meant by the text of a space, out of what a search for it found. */
export function chooseSpace(text: string, hits: readonly Hit[]): { id: string; path: string } | { error: string } {
  const spaces = hits
    .filter(({ kind }) => kind === 'space')
    .map(({ id, code, site = '' }) => ({ id, code, path: `${site}/${code}` }))
  const meant = spaces.filter(({ code, path }) => path === text || code === text)
  const [first, ...others] = meant
  if (first === undefined) return { error: 'There is no such space. Name it as SITE/SPACE, such as harbour/A-17.' }
  if (others.length > 0) {
    return { error: `Several sites have it: ${meant.map(({ path }) => path).join(', ')}. Name the site, too.` }
  }
  return { id: first.id, path: first.path }
}
