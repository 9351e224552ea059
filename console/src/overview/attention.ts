import type { InferResponseType } from 'hono/client'
import type { BaywireClient } from '../../../src/api/client.ts'
import { countOf } from '../numbers.ts'

type Api = BaywireClient['api']['v1']
export type Dashboard = InferResponseType<Api['dashboard']['$get'], 200>
export type Job = InferResponseType<Api['jobs']['$get'], 200>['items'][number]

/** Something that needs somebody, and the page where it is mended. */
export interface Need {
  /** `broken` is to be looked at before anything else. */
  weight: 'broken' | 'look'
  what: string
  about: string
  href: string
}

/** A process may be busy, or be started anew: a job is overdue when it has been so for that long. */
const overdueMs = 120_000

export interface NeedsInput {
  attention: Dashboard['attention']
  /** Undefined where one may not see them. */
  jobs: readonly Job[] | undefined
  /** One may see messages. */
  seesMessages: boolean
  now: Date
}

/** The most pressing first. */
export function needsOf({ attention, jobs, seesMessages, now }: NeedsInput): Need[] {
  const needs = [
    ...booksOf(attention),
    ...(jobs ?? []).flatMap((job) => jobNeeds(job, now)),
    ...speakersOf(attention),
    ...(seesMessages ? lettersOf(attention) : []),
  ]
  return needs.toSorted((one, other) => order(one) - order(other))
}

function order({ weight }: Need): number {
  return weight === 'broken' ? 0 : 1
}

function booksOf({ books_balanced: balanced }: Dashboard['attention']): Need[] {
  if (balanced !== false) return []
  const about = 'in the last hour the ledger and the log have different numbers of readings'
  return [{ weight: 'broken', what: 'The books do not balance', about, href: '/jobs' }]
}

function jobNeeds({ job, running_since: running, next_run_at: next, last_run: last }: Job, now: Date): Need[] {
  if (last?.result === 'failed') return jobNeed(`The job ${job} failed`, 'its last run did not come to its end')
  if (last?.result === 'found')
    return jobNeed(`The job ${job} found a fault`, 'it ran, and what it looks after is not well')
  const isOverdue = running === null && next !== null && now.getTime() - Date.parse(next) > overdueMs
  return isOverdue ? jobNeed(`The job ${job} is overdue`, 'no process runs jobs, or it is stuck') : []
}

function jobNeed(what: string, about: string): Need[] {
  return [{ weight: 'broken', what, about, href: '/jobs' }]
}

function speakersOf(attention: Dashboard['attention']): Need[] {
  const { offline_gateways, silent_devices, low_batteries, orphans, unassigned_devices } = attention
  const of = (count: number | null, need: (count: number) => Need) =>
    count === null || count === 0 ? [] : [need(count)]
  return [
    ...of(offline_gateways, (count) => ({
      weight: 'broken',
      what: `${countOf(count, 'gateway')} offline`,
      about: 'nothing is heard of the devices behind',
      href: '/devices?tab=gateways&presence=offline',
    })),
    ...of(silent_devices, (count) => ({
      weight: 'look',
      what: countOf(count, 'silent device'),
      about: 'not heard for longer than the policy allows, or never',
      href: '/devices?state=silent',
    })),
    ...of(low_batteries, (count) => ({
      weight: 'look',
      what: countOf(count, 'low battery', 'low batteries'),
      about: 'below 20 percent',
      href: '/devices?state=low-battery',
    })),
    ...of(orphans, (count) => ({
      weight: 'look',
      what: countOf(count, 'orphan'),
      about: 'heard, and known to nobody: claim or ignore them',
      href: '/devices?tab=orphans',
    })),
    ...of(unassigned_devices, (count) => ({
      weight: 'look',
      what: `${countOf(count, 'device')} without a space`,
      about: 'what they say has no effect',
      href: '/devices?state=nowhere',
    })),
  ]
}

/** As many as the dashboard counts. */
const mostLetters = 10_000

function lettersOf({ dead_letters: letters }: Dashboard['attention']): Need[] {
  if (letters === 0) return []
  const what = `${letters >= mostLetters ? 'more than ' : ''}${countOf(letters, 'dead letter')} waiting`
  return [
    {
      weight: 'look',
      what,
      about: 'readings without effect: redrive them, once they can have one',
      href: '/messages?tab=dead-letters',
    },
  ]
}
