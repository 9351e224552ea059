import { createRoute, z } from '@hono/zod-openapi'
import { idempotencyHeader } from '../idempotency.ts'
import { json } from '../responses.ts'
import { moment } from '../schemas.ts'
import { readingOutcome } from './explain-schemas.ts'
import {
  actionFailures,
  body,
  changeFailures,
  code,
  codePrefix,
  conflict,
  created,
  exampleId,
  flag,
  id,
  idParam,
  ifMatch,
  inUse,
  issued,
  issuedBody,
  listFailures,
  listQuery,
  name,
  next,
  presence,
  presenceFilter,
  readFailures,
  resource,
  signedInWith,
  time,
} from './speaker-schemas.ts'

export const DEVICES = '/api/v1/devices'

const deviceFields = z.object({
  id,
  code,
  name,
  space_id: id.nullable().openapi({ description: 'where it stands now; null where it stands nowhere' }),
  site_id: id.nullable(),
  space: z.string().nullable().openapi({ description: 'the same by codes, `SITE/SPACE`' }),
  assigned_at: time.nullable().openapi({ description: 'since when; null where it stands there since always' }),
  presence: presence.nullable().openapi({ description: 'what its status topic last said; null where it never spoke' }),
  presence_at: time.nullable(),
  last_heard_at: time.nullable().openapi({ description: 'its newest reading or status' }),
  silent: z
    .boolean()
    .nullable()
    .openapi({ description: 'its space has no evidence, or none that is fresh; null where it stands nowhere' }),
  battery: z.number().nullable().openapi({ description: 'percent, of its newest reading in two days' }),
  rssi: z.number().nullable().openapi({ description: 'dBm, likewise' }),
  last_outcome: readingOutcome
    .nullable()
    .openapi({ description: 'what became of its newest reading in two days; null where there is none' }),
  credential_since: time.nullable().openapi({ description: 'of the credential in force; null where it has none' }),
  created_at: time,
})
const exampleDevice = {
  id: exampleId,
  code: 'A-17',
  name: 'North ramp, left',
  space_id: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c56',
  site_id: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c57',
  space: 'main/A-17',
  assigned_at: null,
  presence: 'online',
  presence_at: '2026-11-20T08:15:04.120Z',
  last_heard_at: '2026-11-20T08:59:58.000Z',
  silent: false,
  battery: 93,
  rssi: -71,
  last_outcome: 'unchanged',
  credential_since: '2026-11-19T10:00:00.000Z',
  created_at: '2026-11-19T10:00:00.000Z',
} as const
export const device = deviceFields.openapi('Device', { example: exampleDevice })
const devicePage = z.object({ items: z.array(device), next }).openapi('DevicePage')
export const madeDevice = deviceFields
  .extend({ credentials: issued.optional().openapi({ description: 'where `provision` was asked for' }) })
  .openapi('MadeDevice')

export const placing = {
  name: name.optional(),
  space_id: id.optional().openapi({ description: 'where it stands, and is taken to have stood always' }),
  provision: z.boolean().optional().openapi({ description: 'with a credential', example: true }),
}
const newDevice = z
  .strictObject({ code, ...placing })
  .openapi('NewDevice', { example: { code: 'A-17', name: 'North ramp, left', provision: true } })
const deviceChange = z.strictObject({ name: name.optional() }).openapi('DeviceChange', { example: { name: 'Ramp' } })

const since = moment.nullable().optional().openapi({
  description:
    'since when, null for always; not in the future, and not before the last change. Readings that came already stay as they are',
  example: '2026-11-20T08:00:00.000Z',
})
const assignment = z.strictObject({ space_id: id, at: since }).openapi('Assign', { example: { space_id: exampleId } })
const unassignment = z.strictObject({ at: since }).openapi('Unassign', { example: {} })

const pastAssignment = z
  .object({
    id,
    space_id: id,
    site_id: id,
    space: z.string().openapi({ description: '`SITE/SPACE`' }),
    assigned_at: time.nullable().openapi({ description: 'null where it is taken to have stood there always' }),
    unassigned_at: time.nullable().openapi({ description: 'null while it stands there' }),
  })
  .openapi('DeviceAssignment', {
    example: {
      id: exampleId,
      space_id: exampleId,
      site_id: exampleId,
      space: 'main/A-17',
      assigned_at: null,
      unassigned_at: '2026-11-20T08:00:00.000Z',
    },
  })
const assignmentPage = z.object({ items: z.array(pastAssignment), next }).openapi('DeviceAssignmentPage')

const common = { tags: ['devices'] }
const read = { ...common, ...signedInWith('devices:read') }
const write = { ...common, ...signedInWith('devices:write') }
const params = idParam('device')
const takenCode = conflict('There is another device with this code.')
const misplaced = conflict('`at` is before the last change of where it stands.')

export const listDevicesRoute = createRoute({
  ...read,
  method: 'get',
  path: DEVICES,
  summary: 'Devices of the tenant',
  description: 'Ordered by code. `battery` and `rssi` are null where a gateway sent the newest reading among others.',
  request: {
    query: listQuery.extend({
      code_prefix: codePrefix,
      site_id: z.uuid().optional().openapi({ description: 'those that stand at this site', example: exampleId }),
      space_id: z.uuid().optional().openapi({ description: 'those that stand at this space', example: exampleId }),
      assigned: flag.optional().openapi({ description: 'whether they stand anywhere', type: 'boolean', example: true }),
      silent: flag
        .optional()
        .openapi({ description: 'as the field `silent`; those that stand nowhere are neither', type: 'boolean' }),
      presence: presenceFilter,
    }),
  },
  responses: { 200: json(devicePage, 'a page of devices'), ...listFailures },
})

export const createDeviceRoute = createRoute({
  ...write,
  method: 'post',
  path: DEVICES,
  summary: 'Make a device',
  description: 'With `provision` it gets the credential that it connects with; the secret is in this answer alone.',
  request: { headers: idempotencyHeader, body: body(newDevice) },
  responses: { 201: created(madeDevice, 'the device'), ...actionFailures, ...takenCode },
})

export const getDeviceRoute = createRoute({
  ...read,
  method: 'get',
  path: `${DEVICES}/{id}`,
  summary: 'A device',
  request: { params },
  responses: { 200: resource(device, 'the device'), ...readFailures },
})

export const changeDeviceRoute = createRoute({
  ...write,
  method: 'patch',
  path: `${DEVICES}/{id}`,
  summary: 'Change fields of a device',
  description: 'Its code stays: what it publishes to is named by it.',
  request: { params, headers: ifMatch, body: body(deviceChange) },
  responses: { 200: resource(device, 'the device as it is now'), ...changeFailures },
})

export const deleteDeviceRoute = createRoute({
  ...write,
  method: 'delete',
  path: `${DEVICES}/{id}`,
  summary: 'Delete a device',
  description: 'Its credential ends. Its readings stay in the log; another device may be made with its code.',
  request: { params, headers: ifMatch },
  responses: {
    204: { description: 'it is gone' },
    ...changeFailures,
    ...inUse('It stands at a space: unassign it first.'),
  },
})

export const assignDeviceRoute = createRoute({
  ...write,
  method: 'post',
  path: `${DEVICES}/{id}/assign`,
  summary: 'Put a device at a space',
  description:
    'From wherever it stood, `at` a time or now; where it never stood anywhere, without `at` from always on, ' +
    'or from when another device of its code was deleted. ' +
    'A reading belongs to the space at which its device stood when it was measured. Two devices may stand at one space.',
  request: { headers: idempotencyHeader, params, body: body(assignment) },
  responses: { 200: resource(device, 'the device as it stands now'), ...actionFailures, ...misplaced },
})

export const unassignDeviceRoute = createRoute({
  ...write,
  method: 'post',
  path: `${DEVICES}/{id}/unassign`,
  summary: 'Take a device from its space',
  description: 'Where it stood stays in its history. Where it stands nowhere nothing changes.',
  request: { headers: idempotencyHeader, params, body: body(unassignment) },
  responses: { 200: resource(device, 'the device'), ...actionFailures, ...misplaced },
})

export const deviceAssignmentsRoute = createRoute({
  ...read,
  method: 'get',
  path: `${DEVICES}/{id}/assignments`,
  summary: 'Where a device stood',
  description: 'The newest first. One that was a mistake ends where it began.',
  request: { params, query: listQuery },
  responses: { 200: json(assignmentPage, 'a page of assignments'), ...readFailures },
})

export const provisionDeviceRoute = createRoute({
  ...write,
  method: 'post',
  path: `${DEVICES}/{id}/provision`,
  summary: 'Give a device a credential',
  request: { headers: idempotencyHeader, params },
  responses: {
    201: json(issuedBody, 'what it connects with; the secret is in this answer alone'),
    ...actionFailures,
    ...conflict('It has a credential in force.'),
  },
})

export const rotateDeviceRoute = createRoute({
  ...write,
  method: 'post',
  path: `${DEVICES}/{id}/rotate`,
  summary: 'Give a device another secret',
  description: 'The one before opens nothing any more, and the session that was opened with it ends.',
  request: { headers: idempotencyHeader, params },
  responses: {
    200: json(issuedBody, 'what it connects with; the secret is in this answer alone'),
    ...actionFailures,
    ...conflict('It has no credential in force.'),
  },
})

export const revokeDeviceRoute = createRoute({
  ...write,
  method: 'post',
  path: `${DEVICES}/{id}/revoke`,
  summary: "End a device's credential",
  description: 'The session that was opened with it ends. Where it has none nothing changes.',
  request: { headers: idempotencyHeader, params },
  responses: { 200: resource(device, 'the device'), ...actionFailures },
})
