import { createRoute, z } from '@hono/zod-openapi'
import { idempotencyHeader } from '../idempotency.ts'
import { json } from '../responses.ts'
import { madeDevice, placing } from './devices-descriptions.ts'
import {
  actionFailures,
  body,
  code,
  codeParam,
  codePrefix,
  created,
  flag,
  listFailures,
  listQuery,
  next,
  signedInWith,
  time,
} from './speaker-schemas.ts'

export const ORPHANS = '/api/v1/orphans'

const orphan = z
  .object({
    device: code,
    first_heard_at: time,
    last_heard_at: time,
    heard: z.int().openapi({ description: 'readings since the first' }),
    ignored_at: time.nullable(),
    sample: z
      .object({
        topic: z.string(),
        bytes: z.int().openapi({ description: 'length of the whole payload' }),
        text: z.string().nullable().openapi({ description: 'its first 256 bytes, where they can be printed' }),
        hex: z.string().openapi({ description: 'the same as they are' }),
      })
      .openapi({ description: 'of the last message' }),
  })
  .openapi('Orphan', {
    example: {
      device: 'A-99',
      first_heard_at: '2026-11-20T08:15:04.120Z',
      last_heard_at: '2026-11-20T09:15:04.120Z',
      heard: 12,
      ignored_at: null,
      sample: {
        topic: 'parking/v1/city/devices/A-99/reading',
        bytes: 18,
        text: '{"occupied": true}',
        hex: '7b226f63637570696564223a20747275657d',
      },
    },
  })
const orphanPage = z.object({ items: z.array(orphan), next }).openapi('OrphanPage')
const claim = z.strictObject(placing).openapi('Claim', { example: { name: 'North ramp, left', provision: true } })
const claimed = madeDevice
  .extend({
    redrive: z.string().openapi({
      description: 'the command by which what it said before takes effect, as far as it stood at a space then',
      example: 'baywire dlq redrive --tenant=city --device=A-99 --outcome unknown_device --execute',
    }),
  })
  .openapi('ClaimedDevice')

const common = { tags: ['orphans'] }
const write = { ...common, ...signedInWith('devices:write') }
const params = codeParam('device')

export const listOrphansRoute = createRoute({
  ...common,
  ...signedInWith('devices:read'),
  method: 'get',
  path: ORPHANS,
  summary: 'Devices that were heard and are not known',
  description: 'Ordered by code.',
  request: {
    query: listQuery.extend({
      code_prefix: codePrefix,
      ignored: flag
        .default(false)
        .openapi({ description: 'those that are ignored, in place of the others', type: 'boolean' }),
    }),
  },
  responses: { 200: json(orphanPage, 'a page of orphans'), ...listFailures },
})

export const claimOrphanRoute = createRoute({
  ...write,
  method: 'post',
  path: `${ORPHANS}/{code}/claim`,
  summary: 'Make a device of what was heard',
  request: { headers: idempotencyHeader, params, body: body(claim) },
  responses: { 201: created(claimed, 'the device'), ...actionFailures },
})

const done = { 204: { description: 'it is so' }, ...actionFailures }

export const ignoreOrphanRoute = createRoute({
  ...write,
  method: 'post',
  path: `${ORPHANS}/{code}/ignore`,
  summary: 'Hear no more of it',
  description: 'It stays ignored when it speaks again. What it says is logged as ever.',
  request: { headers: idempotencyHeader, params },
  responses: done,
})

export const unignoreOrphanRoute = createRoute({
  ...write,
  method: 'post',
  path: `${ORPHANS}/{code}/unignore`,
  summary: 'Hear of it again',
  request: { headers: idempotencyHeader, params },
  responses: done,
})
