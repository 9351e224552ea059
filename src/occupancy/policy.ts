import { z } from 'zod'

/**
 * How a tenant wants its spaces judged. A site or a space may override single fields. Durations are seconds.
 */
const day = 86_400
const seconds = (least: number) =>
  z
    .number()
    .int()
    .min(least)
    .max(400 * day)

/** A change is confirmed by `readings` identical readings within `hold_s`, or by `hold_s` without contradiction. */
const debounceFields = { readings: z.number().int().min(1).max(100), hold_s: z.number().min(0).max(day) }

export const policyFieldsSchema = z.strictObject({
  debounce: z.strictObject(debounceFields).nullable().optional(),
  reserved_soon_s: seconds(0).optional(),
  no_show_after_s: seconds(0).optional(),
  check_in_grace_s: seconds(0).optional(),
  sensor_timeout_s: seconds(1).optional(),
  /** A sensor's own heartbeats, where there are enough of them, say after what silence it is stale. */
  learn_freshness: z.boolean().optional(),
  unknown_after_s: seconds(1).optional(),
  max_clock_skew_s: seconds(0).optional(),
  /** How long a hold keeps its space. */
  hold_s: seconds(1).optional(),
  /** The longest reservation, how far ahead it may begin, and how many open ones a driver may have. */
  max_reservation_s: seconds(1).optional(),
  max_lead_s: seconds(0).optional(),
  max_open_per_holder: z.number().int().min(0).max(1000).optional(),
})

/**
 * The same as it is stored. What a newer program has put there beside it is left out: readings and timers go on by what is
 * known here while processes of two versions run.
 */
export const storedPolicyFieldsSchema = z.object({
  ...policyFieldsSchema.shape,
  debounce: z.object(debounceFields).nullable().optional(),
})

/** What one scope (tenant, site or space) says; what it leaves out comes from the scope above. */
export type PolicyFields = z.infer<typeof policyFieldsSchema>

export interface Policy {
  readonly debounce: { readonly readings: number; readonly hold_s: number } | null
  readonly reserved_soon_s: number
  readonly no_show_after_s: number
  readonly check_in_grace_s: number
  readonly sensor_timeout_s: number
  readonly learn_freshness: boolean
  readonly unknown_after_s: number
  readonly max_clock_skew_s: number
  readonly hold_s: number
  readonly max_reservation_s: number
  readonly max_lead_s: number
  readonly max_open_per_holder: number
}

/** Battery sensors report changes and one heartbeat a day: hence no debouncing, and 25 hours of patience. */
export const defaultPolicy: Policy = {
  debounce: null,
  reserved_soon_s: 15 * 60,
  no_show_after_s: 15 * 60,
  check_in_grace_s: 5 * 60,
  sensor_timeout_s: 25 * 3600,
  learn_freshness: true,
  unknown_after_s: 72 * 3600,
  max_clock_skew_s: 5 * 60,
  hold_s: 5 * 60,
  max_reservation_s: day,
  max_lead_s: 30 * day,
  max_open_per_holder: 5,
}

/**
 * The policy in force, the widest scope first. Fields from different scopes cannot turn its order round: a change is
 * confirmed before silence makes the space stale, and stale comes before unknown.
 */
export function effectivePolicy(...scopes: readonly (PolicyFields | undefined)[]): Policy {
  const merged = { ...defaultPolicy }
  for (const scope of scopes) {
    for (const [name, value] of Object.entries(scope ?? {})) {
      if (value !== undefined) Object.assign(merged, { [name]: value })
    }
  }
  const { debounce, sensor_timeout_s: timeout, unknown_after_s: unknown } = merged
  return {
    ...merged,
    debounce: debounce && { ...debounce, hold_s: Math.min(debounce.hold_s, timeout) },
    unknown_after_s: Math.max(unknown, timeout),
  }
}
