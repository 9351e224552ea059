import { createRoute, z } from '@hono/zod-openapi'
import { json } from '../responses.ts'
import { noQuery } from '../schemas.ts'
import { code, exampleId, id, listFailures, signedInWith, time } from './speaker-schemas.ts'

/** The dashboard as the OpenAPI document has it. */
const count = z.int().min(0)
const statuses = z.object({
  free: count,
  occupied: count,
  reserved: count,
  blocked: count,
  out_of_service: count,
  unknown: count,
})
const outcomes = z.object({
  applied: count,
  unchanged: count,
  debouncing: count,
  duplicate: count,
  late: count,
  retained: count,
  unassigned: count,
  unknown_device: count,
  malformed: count,
})
const site = z.object({
  id,
  code,
  name: z.string(),
  total: count.openapi({ description: 'all spaces of the site' }),
  status: statuses,
  stale: count.openapi({ description: 'spaces whose evidence is old' }),
  sensors: count.openapi({ description: 'devices that stand at its spaces' }),
  silent_sensors: count.openapi({ description: 'those whose space has no evidence, or none that is fresh' }),
})
const event = z.object({
  kind: z.string(),
  rule: z.string(),
  event_time: time.openapi({ description: 'when it happened' }),
  recorded_at: time.openapi({ description: 'when it was known' }),
  space_id: id,
  site_id: id.nullable(),
  space: z.string().nullable().openapi({ description: '`SITE/SPACE`; null where the space is there no more' }),
  status: z.string().openapi({ description: 'of the space after it' }),
})

const dashboard = z
  .object({
    as_of: time,
    sites: z.array(site).openapi({ description: 'the first 1000 by code' }),
    devices: z.object({ total: count, unassigned: count }),
    gateways: z.object({ total: count, offline: count }),
    orphans: count.openapi({ description: 'devices that were heard and are neither known nor ignored' }),
    readings_per_minute: z.number().openapi({ description: 'on average, of the last five minutes that are over' }),
    ledger: z.object({ received: count, ...outcomes.shape }).openapi({
      description: 'deliveries of the last 24 hours and what became of them; the outcomes add up to `received`',
    }),
    attention: z
      .object({
        silent_devices: count.openapi({ description: 'that stand at a space and are not heard' }),
        low_batteries: count.nullable().openapi({
          description: 'devices that said less than 20 percent last; null where there are more than 500 devices',
        }),
        dead_letters: count.openapi({ description: 'readings that had no effect and wait for somebody, up to 10,000' }),
        orphans: count,
        unassigned_devices: count,
        offline_gateways: count,
        books_balanced: z.boolean().nullable().openapi({
          description:
            'whether the ledger and the log of the last hour agree; null where they are too many to be counted',
        }),
      })
      .openapi({ description: 'what needs somebody' }),
    events: z.array(event).openapi({ description: 'the last 20, the newest first' }),
  })
  .openapi('Dashboard', {
    example: {
      as_of: '2026-11-20T09:00:00.250Z',
      sites: [
        {
          id: exampleId,
          code: 'harbour',
          name: 'Harbour',
          total: 120,
          status: { free: 41, occupied: 70, reserved: 3, blocked: 1, out_of_service: 1, unknown: 4 },
          stale: 2,
          sensors: 120,
          silent_sensors: 4,
        },
      ],
      devices: { total: 121, unassigned: 1 },
      gateways: { total: 2, offline: 0 },
      orphans: 1,
      readings_per_minute: 14.2,
      ledger: {
        received: 20_448,
        applied: 4_100,
        unchanged: 16_300,
        debouncing: 0,
        duplicate: 40,
        late: 3,
        retained: 0,
        unassigned: 1,
        unknown_device: 4,
        malformed: 0,
      },
      attention: {
        silent_devices: 4,
        low_batteries: 1,
        dead_letters: 5,
        orphans: 1,
        unassigned_devices: 1,
        offline_gateways: 0,
        books_balanced: true,
      },
      events: [
        {
          kind: 'occupied',
          rule: 'reading',
          event_time: '2026-11-20T08:59:58.000Z',
          recorded_at: '2026-11-20T08:59:58.120Z',
          space_id: exampleId,
          site_id: exampleId,
          space: 'harbour/A-17',
          status: 'occupied',
        },
      ],
    },
  })

export const dashboardRoute = createRoute({
  ...signedInWith('dashboard:read'),
  method: 'get',
  path: '/api/v1/dashboard',
  tags: ['dashboard'],
  summary: 'How it goes, at a glance',
  request: { query: noQuery },
  responses: { 200: json(dashboard, 'the dashboard'), ...listFailures },
})
