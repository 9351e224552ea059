import { describe, expect, it } from 'vitest'
import {
  byNeed,
  detailWords,
  everyWords,
  lookAgainMs,
  standingOf,
  tookWords,
  type Job,
} from '../../console/src/jobs/job-standing.ts'

const now = new Date('2026-11-21T12:00:00Z')
const minutes = (count: number) => new Date(now.getTime() + count * 60_000).toISOString()

function job(
  name: string,
  more: Partial<Job> = {},
  result: 'succeeded' | 'found' | 'failed' | 'lost' = 'succeeded',
): Job {
  const run = {
    started_at: minutes(-1),
    ended_at: minutes(-1),
    duration_s: 1,
    result,
    requested_by: null,
    detail: null,
  }
  return {
    job: name,
    interval_s: 60,
    running_since: null,
    requested_at: null,
    next_run_at: minutes(1),
    last_success_at: minutes(-1),
    last_run: run,
    ...more,
  }
}

describe('how a job stands', () => {
  it('is what its last run came to, unless it is late', () => {
    expect(standingOf(job('a'), now)).toBe('good')
    expect(standingOf(job('a', {}, 'failed'), now)).toBe('failed')
    expect(standingOf(job('a', {}, 'found'), now)).toBe('found')
    expect(standingOf(job('a', {}, 'lost'), now)).toBe('lost')
    expect(standingOf(job('a', { last_run: null, next_run_at: null }), now)).toBe('new')
  })

  it('is late only after a while, and not while it runs', () => {
    expect(standingOf(job('a', { next_run_at: minutes(-1.5) }), now)).toBe('good')
    expect(standingOf(job('a', { next_run_at: minutes(-3) }), now)).toBe('overdue')
    expect(standingOf(job('a', { next_run_at: minutes(-3), running_since: minutes(-4) }), now)).toBe('running')
    expect(standingOf(job('a', { requested_at: minutes(-3) }), now)).toBe('overdue')
    expect(standingOf(job('a', { requested_at: minutes(0) }), now)).toBe('requested')
  })

  it('has failed until it has succeeded, also while it runs again', () => {
    expect(standingOf(job('a', { running_since: minutes(0) }, 'failed'), now)).toBe('failed')
  })

  it('puts those first that need somebody', () => {
    const jobs = [job('b'), job('c', {}, 'failed'), job('a'), job('d', { next_run_at: minutes(-30) })]
    expect(byNeed(jobs, now).map((one) => one.job)).toEqual(['c', 'd', 'a', 'b'])
  })

  it('is looked at more often while somebody waits', () => {
    expect(lookAgainMs([job('a')])).toBeGreaterThan(lookAgainMs([job('a', { requested_at: minutes(0) })]))
  })
})

it('says intervals, lengths and counts as people do', () => {
  expect([30, 60, 90, 600, 3600, 7200].map(everyWords)).toEqual([
    'every 30 s',
    'every minute',
    'every 90 s',
    'every 10 min',
    'every hour',
    'every 2 h',
  ])
  expect([0.05, 2.26, 61].map(tookWords)).toEqual(['50 ms', '2.3 s', '1 min 1 s'])
  expect(detailWords({ by_time: 3, last: null, events: 0 })).toBe('by time 3, events 0')
})
