import { z } from '@hono/zod-openapi'
import { defaultPolicy, policyFieldsSchema } from '../../occupancy/policy.ts'
import { exampleId, id, next, time } from './place-schemas.ts'

/** The bodies of policies. */
const duration = z.int().min(0)

export const policyBody = z
  .object({
    debounce: z
      .object({ readings: z.int(), hold_s: z.number() })
      .nullable()
      .openapi({ description: 'a change is confirmed by so many identical readings within the hold, or by its end' }),
    reserved_soon_s: duration,
    no_show_after_s: duration,
    check_in_grace_s: duration,
    sensor_timeout_s: duration.openapi({ description: 'silence that makes a space stale' }),
    learn_freshness: z
      .boolean()
      .openapi({ description: "where a sensor's own heartbeats say how often it speaks, they decide instead" }),
    unknown_after_s: duration.openapi({ description: 'silence that makes its occupancy unknown' }),
    max_clock_skew_s: duration.openapi({ description: 'how far a device clock may be ahead of ours' }),
    hold_s: duration.openapi({ description: 'how long a hold keeps its space' }),
    max_reservation_s: duration.openapi({ description: 'the longest reservation' }),
    max_lead_s: duration.openapi({ description: 'how far ahead a reservation may begin' }),
    max_open_per_holder: z.int().min(0).openapi({ description: 'most open reservations of one driver' }),
  })
  .openapi('Policy', { example: { ...defaultPolicy } })

/** What one scope says; what it leaves out comes from the scope above. */
export const policyFields = z
  .strictObject(policyFieldsSchema.shape)
  .openapi('PolicyFields', { example: { sensor_timeout_s: 7200, debounce: { readings: 2, hold_s: 30 } } })

const version = z
  .int()
  .min(0)
  .openapi({ description: "the tenant's policy version; 0 while there are only the defaults" })
const scope = z.enum(['tenant', 'site', 'space'])

export const scopePolicy = z
  .object({
    version,
    fields: policyFields,
    changed_at: time.nullable().openapi({ description: 'when this scope was last changed; null: never' }),
  })
  .openapi('ScopePolicy', {
    example: { version: 3, fields: { sensor_timeout_s: 7200 }, changed_at: '2026-11-20T08:00:00.000Z' },
  })

const policyRow = z
  .object({
    version: z.int().min(1),
    scope,
    scope_id: id.nullable().openapi({ description: "the site's or space's id" }),
    fields: policyFields,
    created_at: time,
  })
  .openapi('PolicyVersion', {
    example: {
      version: 3,
      scope: 'site',
      scope_id: exampleId,
      fields: { sensor_timeout_s: 7200 },
      created_at: '2026-11-20T08:00:00.000Z',
    },
  })

export const policiesInForce = z.object({ version, items: z.array(policyRow), next }).openapi('PoliciesInForce')
export const policyVersions = z.object({ items: z.array(policyRow), next }).openapi('PolicyVersions')

export const effectivePolicyBody = z
  .object({
    version,
    policy: policyBody,
    from: z
      .record(z.string(), z.enum(['default', 'tenant', 'site', 'space']))
      .openapi({ description: 'which scope each field comes from' }),
  })
  .openapi('EffectivePolicy', {
    example: {
      version: 3,
      policy: { ...defaultPolicy, sensor_timeout_s: 7200 },
      from: { sensor_timeout_s: 'site', debounce: 'default' },
    },
  })
