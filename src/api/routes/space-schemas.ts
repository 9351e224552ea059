import { z } from '@hono/zod-openapi'
import { defaultPolicy } from '../../occupancy/policy.ts'
import { overrideBody, overrideExample } from './override-schemas.ts'
import {
  bothOrNone,
  bothOrNoneMessage,
  code,
  exampleId,
  features,
  id,
  lat,
  level,
  lon,
  name,
  next,
  otherExampleId,
  status,
  time,
} from './place-schemas.ts'
import { policyBody } from './policy-schemas.ts'

/** The bodies of spaces. */
const metres = z.number().min(-100_000).max(100_000)
const occupancy = z.enum(['unknown', 'vacant', 'occupied'])

const stateExample = {
  status: 'blocked',
  occupancy: 'vacant',
  reservation: 'none',
  override: 'blocked',
  stale: false,
  since: '2026-11-20T09:00:00.000Z',
  observed_at: '2026-11-20T08:15:04.120Z',
  version: 4,
} as const

const state = z
  .object({
    status: status.openapi({ description: 'what people see: the highest of override, reservation and occupancy' }),
    occupancy: occupancy.openapi({ description: 'what the sensor last confirmed' }),
    reservation: z.enum(['none', 'soon', 'active']),
    override: z.enum(['none', 'blocked', 'out_of_service']),
    stale: z.boolean().openapi({ description: 'the sensor has been silent for longer than it should' }),
    since: time.nullable().openapi({ description: 'since when the status holds, by the evidence' }),
    observed_at: time.nullable().openapi({ description: 'time of the newest evidence' }),
    version: z.int().min(0).openapi({ description: 'how many times something visible changed' }),
  })
  .openapi('SpaceState', { example: stateExample })

const fields = {
  id,
  site_id: id,
  zone_id: id.nullable(),
  code,
  name: z.string(),
  level: z.string().nullable(),
  lat: lat.nullable(),
  lon: lon.nullable(),
  plan_x: metres.nullable().openapi({ description: 'on the floor plan of the level, in metres' }),
  plan_y: metres.nullable(),
  features: z.array(z.string()).openapi({ description: 'such as `ev` or `disabled`' }),
  created_at: time,
  state,
}

const spaceExample = {
  id: otherExampleId,
  site_id: exampleId,
  zone_id: null,
  code: 'A-017',
  name: 'A 17',
  level: '0',
  lat: 53.5462,
  lon: 9.9663,
  plan_x: null,
  plan_y: null,
  features: ['ev'],
  created_at: '2026-11-20T08:00:00.000Z',
  state: stateExample,
}

const space = z.object(fields).openapi('Space', { example: spaceExample })

const why = z
  .object({
    decided_by: z
      .enum(['override', 'reservation', 'occupancy'])
      .openapi({ description: 'which of the three facts the status follows from' }),
    because: z.string().openapi({ description: 'the same in a sentence' }),
    evidence: z
      .object({ observed_at: time, device: z.string() })
      .nullable()
      .openapi({ description: 'the newest that a sensor said' }),
    candidate: z
      .object({ occupancy: z.enum(['vacant', 'occupied']), since: time, readings: z.int(), confirm_at: time })
      .nullable()
      .openapi({ description: 'a change that waits to be confirmed' }),
    stale_at: time.nullable().openapi({ description: 'when silence makes it stale, or made it so' }),
    unknown_at: time.nullable().openapi({ description: 'when silence makes its occupancy unknown, or made it so' }),
    override: overrideBody.nullable().openapi({ description: 'the one in force, with its end and reason' }),
    policy_version: z.int().min(0),
    policy: policyBody.openapi({ description: 'what its next reading will be judged by' }),
    next_deadline: z
      .object({ deadline: z.enum(['debounce_hold', 'sensor_timeout', 'unknown_after']), at: time })
      .nullable()
      .openapi({ description: 'what happens next if nothing is heard' }),
    last_event: z
      .object({
        kind: z.string(),
        event_time: time,
        recorded_at: time,
        cause: z.record(z.string(), z.unknown()),
        rule: z.string(),
      })
      .nullable(),
  })
  .openapi('SpaceWhy')

const whyExample = {
  decided_by: 'override',
  because: 'It was blocked, until 2026-11-20T18:00:00.000Z; an override goes above all else.',
  evidence: { observed_at: '2026-11-20T08:15:04.120Z', device: 'sensor-17' },
  candidate: null,
  stale_at: '2026-11-21T09:15:04.120Z',
  unknown_at: '2026-11-23T08:15:04.120Z',
  override: overrideExample,
  policy_version: 3,
  policy: { ...defaultPolicy },
  next_deadline: { deadline: 'sensor_timeout', at: '2026-11-21T09:15:04.120Z' },
  last_event: {
    kind: 'blocked',
    event_time: '2026-11-20T09:00:00.000Z',
    recorded_at: '2026-11-20T09:00:00.004Z',
    cause: { type: 'user', id: exampleId },
    rule: 'override',
  },
} as const

export const spaceDetail = z
  .object({ ...fields, why: why.nullable().openapi({ description: 'why it shows what it shows' }) })
  .openapi('SpaceDetail', { example: { ...spaceExample, why: whyExample } })

export const spacePage = z.object({ items: z.array(space), next }).openapi('SpacePage')

const settable = {
  zone_id: id.nullable().optional().openapi({ description: "a zone of the space's own site" }),
  level: level.nullable().optional(),
  lat: lat.nullable().optional(),
  lon: lon.nullable().optional(),
  plan_x: metres.nullable().optional(),
  plan_y: metres.nullable().optional(),
  features: features.optional(),
}

export const newSpace = z
  .strictObject({ site_id: id, code, name, ...settable })
  .refine(bothOrNone, bothOrNoneMessage)
  .openapi('NewSpace', {
    example: {
      site_id: exampleId,
      code: 'A-017',
      name: 'A 17',
      level: '0',
      lat: 53.5462,
      lon: 9.9663,
      features: ['ev'],
    },
  })

export const spaceChange = z
  .strictObject({ code: code.optional(), name: name.optional(), ...settable })
  .refine(bothOrNone, bothOrNoneMessage)
  .openapi('SpaceChange', { example: { name: 'A 17, by the lift' } })

const written = z.object({ created: z.int().min(0), updated: z.int().min(0), unchanged: z.int().min(0) })

export const importSummary = z
  .object({
    zones: written,
    spaces: written,
    ignored_columns: z.array(z.string()).openapi({ description: 'columns or properties that mean nothing here' }),
    dry_run: z.boolean(),
  })
  .openapi('SpaceImport', {
    example: {
      zones: { created: 1, updated: 0, unchanged: 0 },
      spaces: { created: 50, updated: 0, unchanged: 0 },
      ignored_columns: [],
      dry_run: false,
    },
  })
