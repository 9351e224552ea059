import { useState } from 'preact/hooks'
import { PageHeading } from '../components/heading.tsx'
import { useLoaded } from '../components/loaded.ts'
import { useEvery } from '../components/every.ts'
import { useNow } from '../components/now.ts'
import { Confirm } from '../components/dialog.tsx'
import { Empty, Show } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { Age, Time } from '../components/time.tsx'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { withWallTimes } from '../zone-times.ts'
import {
  byNeed,
  detailWords,
  everyWords,
  isAwaited,
  lookAgainMs,
  purposeOf,
  standingFaces,
  standingOf,
  tookWords,
  type Job,
} from './job-standing.ts'
import './jobs.css'

const secondMs = 1000

/** What the installation does by itself, and whether it does. */
export function JobsPage() {
  const { api, session } = useServices()
  const jobs = useLoaded(async () => (await bodyOf(api.jobs.$get({ query: {} }))).items, [])
  const [asking, setAsking] = useState<Job>()
  const state = session.state.value
  const mayRun = state.kind === 'signed in' && state.me.user?.platform_administrator === true
  useEvery(lookAgainMs(jobs.data ?? []), jobs.reload)
  return (
    <>
      <PageHeading title="Jobs" />
      <Show loaded={jobs}>
        {(items) => (
          <>
            <JobsSummary jobs={items} />
            <JobsTable jobs={items} onRun={mayRun ? setAsking : undefined} />
            {mayRun ? null : (
              <p class="fine jobs-note">
                They work for the whole installation: its platform administrators run them from here, and see what a run
                counted and why one failed. Whoever has a shell there does it with{' '}
                <code>baywire jobs run NAME --wait 60s</code>.
              </p>
            )}
          </>
        )}
      </Show>
      {asking === undefined ? null : <RunNow job={asking} onClose={() => setAsking(undefined)} onAsked={jobs.reload} />}
    </>
  )
}

function RunNow({ job: { job }, onAsked, onClose }: { job: Job; onAsked: () => void; onClose: () => void }) {
  const { api } = useServices()
  const purpose = purposeOf(job)
  return (
    <Confirm
      title={`Run ${job} now?`}
      action={`Run ${job}`}
      onConfirm={async () => {
        await bodyOf(api.jobs[':job'].run.$post({ param: { job } }))
        onAsked()
      }}
      onClose={onClose}
    >
      {purpose === undefined ? null : <p>{purpose.does}, for all tenants.</p>}
      <p>
        One run, besides those that are due: a process with the jobs role begins it within seconds. Where one is under
        way already, there is no second one.
      </p>
    </Confirm>
  )
}

/** Whether somebody is needed, before all else. */
function JobsSummary({ jobs }: { jobs: readonly Job[] }) {
  const now = useNow(secondMs * 5)
  const troubled = byNeed(jobs, now).filter((job) => standingFaces[standingOf(job, now)].needsSomebody)
  if (jobs.length === 0) return null
  if (troubled.length === 0) {
    return (
      <p class="jobs-calm" role="status">
        <span class="standing-mark standing-good" aria-hidden="true">
          ✓
        </span>
        {jobs.length === 1 ? 'The job runs' : `All ${jobs.length} jobs run`} on time.
      </p>
    )
  }
  return (
    <div class="jobs-trouble" role="status">
      <h2>{troubled.length === 1 ? 'One job needs you' : `${troubled.length} jobs need you`}</h2>
      <ul>
        {troubled.map((job) => (
          <li key={job.job}>
            <JobTrouble job={job} now={now} />
          </li>
        ))}
      </ul>
    </div>
  )
}

function JobTrouble({ job, now }: { job: Job; now: Date }) {
  const standing = standingOf(job, now)
  const otherwise = purposeOf(job.job)?.otherwise
  const meanwhile = otherwise === undefined ? null : <> Meanwhile {otherwise}.</>
  const said = withWallTimes(detailWords(job.last_run?.detail ?? null))
  if (standing === 'overdue') {
    return (
      <>
        <strong>{job.job}</strong> should have run at <Time at={job.requested_at ?? job.next_run_at} />. Probably no
        process with the jobs role is running: see that <code>baywire start</code> or <code>baywire start jobs</code>{' '}
        does, and what <code>/ready</code> says.{meanwhile}
      </>
    )
  }
  if (standing === 'found') {
    return (
      <>
        <strong>{job.job}</strong> found a fault <Age at={job.last_run?.ended_at} />
        {said === '' ? '' : `: ${said}`}.{' '}
        {job.job === 'books' ? (
          <>
            See <code>baywire ledger</code> of each tenant.
          </>
        ) : (
          'The log of the server says which.'
        )}
      </>
    )
  }
  return (
    <>
      <strong>{job.job}</strong> failed <Age at={job.last_run?.ended_at} />
      {said === '' ? '' : `: ${said}`}. It is tried again when it is due next
      {job.next_run_at === null ? null : (
        <>
          , at <Time at={job.next_run_at} />
        </>
      )}
      ; the log of the server says more.{meanwhile}
    </>
  )
}

function StandingBadge({ job }: { job: Job }) {
  const now = useNow(secondMs * 5)
  const standing = standingOf(job, now)
  const { label, mark, needsSomebody } = standingFaces[standing]
  return (
    <span class={needsSomebody ? 'badge needs-somebody' : 'badge'}>
      <span class={`standing-mark standing-${standing}`} aria-hidden="true">
        {mark}
      </span>
      {label}
    </span>
  )
}

function LastRun({ job: { last_run: last, last_success_at: success } }: { job: Job }) {
  if (last === null) return <span class="none">never</span>
  const said = withWallTimes(detailWords(last.detail))
  return (
    <>
      <Age at={last.ended_at} />
      <span class="fine">
        , took {tookWords(last.duration_s)}
        {last.requested_by === null ? '' : ', on request'}
      </span>
      {said === '' ? null : (
        <div class="fine">
          <bdi>{said}</bdi>
        </div>
      )}
      {last.result === 'succeeded' ? null : (
        <div class="fine">
          Last success: <Age at={success} />
        </div>
      )}
    </>
  )
}

function NextRun({ job }: { job: Job }) {
  const now = useNow(secondMs * 5)
  if (job.running_since !== null) {
    return (
      <>
        running since <Time at={job.running_since} />
      </>
    )
  }
  if (job.requested_at !== null) {
    return (
      <>
        asked for <Age at={job.requested_at} />, begins within seconds
      </>
    )
  }
  if (job.next_run_at === null) return <span class="none">at the next start</span>
  return (
    <>
      {standingOf(job, now) === 'overdue' ? 'was due at ' : ''}
      <Time at={job.next_run_at} />
    </>
  )
}

function JobsTable({ jobs, onRun }: { jobs: readonly Job[]; onRun: ((job: Job) => void) | undefined }) {
  const run = {
    head: 'Run',
    cell: (job: Job) => (
      <button
        type="button"
        class="run-now"
        disabled={isAwaited(job)}
        onClick={() => onRun?.(job)}
        aria-label={`Run now: ${job.job}`}
      >
        Run now
      </button>
    ),
  }
  return (
    <Table
      caption="Jobs, those that need somebody first"
      items={byNeed(jobs, new Date())}
      keyOf={({ job }) => job}
      columns={[
        {
          head: 'Job',
          cell: ({ job }) => (
            <>
              <strong>{job}</strong>
              <div class="fine">{purposeOf(job)?.does}</div>
            </>
          ),
        },
        { head: 'State', cell: (job) => <StandingBadge job={job} /> },
        { head: 'Last run', cell: (job) => <LastRun job={job} /> },
        { head: 'Next run', cell: (job) => <NextRun job={job} /> },
        { head: 'Interval', cell: ({ interval_s: seconds }) => everyWords(seconds) },
        ...(onRun === undefined ? [] : [run]),
      ]}
      empty={
        <Empty title="No jobs are known yet">
          <p>
            The first process with the jobs role tells of them: start one with <code>baywire start</code> or{' '}
            <code>baywire start jobs</code>.
          </p>
        </Empty>
      }
    />
  )
}
