import { createRoute, z } from '@hono/zod-openapi'
import { json, problem, requestIdHeader } from '../responses.ts'
import { noQuery } from '../schemas.ts'
import { guardedBy, readFailures, time } from './place-schemas.ts'

/** The routes of jobs as the OpenAPI document has them. */
export const JOBS = '/api/v1/jobs'
const common = { tags: ['jobs'] }

const jobName = z.string().regex(/^[a-z][a-z0-9-]{0,49}$/, 'is no name of a job')
const params = z.object({
  job: jobName.openapi({ param: { name: 'job', in: 'path' }, description: 'the name of a job', example: 'books' }),
})
const { 404: _tenant, ...failures } = readFailures
const notFound = problem('not_found', 'There is no such job.')

const run = z.object({
  started_at: time,
  ended_at: time,
  duration_s: z.number().min(0),
  result: z.enum(['succeeded', 'found', 'failed', 'lost']).openapi({
    description: '`found`: it ran, and found a fault; `lost`: its process was gone, and another run takes its place',
  }),
  requested_by: z
    .string()
    .nullable()
    .openapi({ description: 'who asked for it, where it was not due; to platform administrators alone' }),
  detail: z
    .record(z.string(), z.union([z.string(), z.number(), z.null()]))
    .nullable()
    .openapi({ description: 'what it counted over all tenants, or why it failed; to platform administrators alone' }),
})

const job = z
  .object({
    job: jobName,
    interval_s: z.number().min(0),
    running_since: time.nullable(),
    requested_at: time.nullable().openapi({ description: 'somebody asked for a run, which has not ended yet' }),
    next_run_at: time
      .nullable()
      .openapi({ description: 'null before the first run; long past where no process runs jobs' }),
    last_success_at: time.nullable(),
    last_run: run.nullable().openapi({ description: 'the last one that ended, in whatever process' }),
  })
  .openapi('Job', {
    example: {
      job: 'books',
      interval_s: 60,
      running_since: null,
      requested_at: null,
      next_run_at: '2026-11-20T08:16:00.000Z',
      last_success_at: '2026-11-20T08:15:02.170Z',
      last_run: {
        started_at: '2026-11-20T08:15:02.120Z',
        ended_at: '2026-11-20T08:15:02.170Z',
        duration_s: 0.05,
        result: 'succeeded',
        requested_by: null,
        detail: null,
      },
    },
  })
const jobList = z.object({ items: z.array(job) }).openapi('JobList')

export const listRoute = createRoute({
  ...common,
  ...guardedBy('jobs:read'),
  method: 'get',
  path: JOBS,
  summary: 'The jobs of the installation, and how they stand',
  description:
    'They work for all tenants, in any number of processes. By name. Platform administrators may ask without a tenant.',
  request: { query: noQuery },
  responses: { 200: json(jobList, 'all jobs'), ...failures },
})

export const readRoute = createRoute({
  ...common,
  ...guardedBy('jobs:read'),
  method: 'get',
  path: `${JOBS}/{job}`,
  summary: 'A job',
  request: { params },
  responses: { 200: json(job, 'the job'), ...failures, 404: notFound },
})

const accepted = json(job, 'a process with the jobs role begins it within seconds')
const location = { description: 'where it shows when it is done', schema: { type: 'string' as const } }

export const runRoute = createRoute({
  ...common,
  security: [{ bearer: [] }],
  method: 'post',
  path: `${JOBS}/{job}/run`,
  summary: 'Run a job now',
  description:
    'For platform administrators. Where a run is under way or was asked for already, there is no second one.',
  request: { params },
  responses: {
    202: { ...accepted, headers: { 'X-Request-Id': requestIdHeader, Location: location } },
    ...failures,
    404: notFound,
  },
})
