import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  defaultPolicy,
  effectivePolicy,
  policyFieldsSchema,
  storedPolicyFieldsSchema,
  type Policy,
} from '../../src/occupancy/policy.ts'

/** Which policy is in force: tenant, site and space, each saying as much as it likes. */

describe('effectivePolicy', () => {
  it('is the default where nobody says anything', () => {
    expect(effectivePolicy()).toEqual(defaultPolicy)
    expect(effectivePolicy(undefined, {}, { reserved_soon_s: undefined })).toEqual(defaultPolicy)
    expect(defaultPolicy).toMatchObject({ debounce: null, sensor_timeout_s: 90_000, unknown_after_s: 259_200 })
  })

  it('the narrower scope wins, field by field', () => {
    const tenant = { reserved_soon_s: 1, no_show_after_s: 1, check_in_grace_s: 1 }
    const site = { no_show_after_s: 2, check_in_grace_s: 2, max_clock_skew_s: undefined }
    const space = { check_in_grace_s: 0, no_show_after_s: undefined }
    expect(effectivePolicy(tenant, site, space)).toEqual({
      ...defaultPolicy,
      reserved_soon_s: 1,
      no_show_after_s: 2,
      check_in_grace_s: 0,
    })
    expect(effectivePolicy(undefined, site, undefined).no_show_after_s).toBe(2)
    expect(effectivePolicy(space, site, tenant).check_in_grace_s).toBe(1)
  })

  it('debouncing is one field: a scope sets it as a whole, or switches it off', () => {
    const tenant = { debounce: { readings: 3, hold_s: 60 } }
    expect(effectivePolicy(tenant, {}, {}).debounce).toEqual({ readings: 3, hold_s: 60 })
    expect(effectivePolicy(tenant, { debounce: { readings: 2, hold_s: 5 } }).debounce).toEqual({
      readings: 2,
      hold_s: 5,
    })
    expect(effectivePolicy(tenant, { debounce: null }).debounce).toBeNull()
    expect(effectivePolicy({ debounce: null }, tenant).debounce).toEqual({ readings: 3, hold_s: 60 })
  })

  it.each([
    ['a hold within the timeout', 99, 100, 200, { hold_s: 99, unknown_after_s: 200 }],
    ['a hold as long as the timeout', 100, 100, 200, { hold_s: 100, unknown_after_s: 200 }],
    ['a hold beyond the timeout', 100.5, 100, 200, { hold_s: 100, unknown_after_s: 200 }],
    ['unknown as soon as stale', 1, 200, 200, { hold_s: 1, unknown_after_s: 200 }],
    ['unknown before stale', 1, 200, 199, { hold_s: 1, unknown_after_s: 200 }],
    ['both turned round', 300, 200, 100, { hold_s: 200, unknown_after_s: 200 }],
  ])('clamps %s', (_name, hold_s, sensor_timeout_s, unknown_after_s, expected) => {
    const debounce = { readings: 4, hold_s }
    // However the fields are spread over the scopes.
    for (const scopes of [
      [{ debounce, sensor_timeout_s, unknown_after_s }],
      [{ debounce }, { sensor_timeout_s }, { unknown_after_s }],
      [{ unknown_after_s }, { sensor_timeout_s }, { debounce }],
    ]) {
      const policy = effectivePolicy(...scopes)
      expect(policy).toEqual({
        ...defaultPolicy,
        debounce: { readings: 4, hold_s: expected.hold_s },
        sensor_timeout_s,
        unknown_after_s: expected.unknown_after_s,
      })
    }
  })

  it('clamps against what holds in the end, not on the way there', () => {
    const tenant = { debounce: { readings: 2, hold_s: 500 }, sensor_timeout_s: 100, unknown_after_s: 50 }
    expect(effectivePolicy(tenant, { sensor_timeout_s: 1000 })).toMatchObject({
      debounce: { readings: 2, hold_s: 500 },
      unknown_after_s: 1000,
    })
  })

  it('for any scopes: in order, of their own fields, and with nothing written to', () => {
    const seconds = fc.integer({ min: 1, max: 1000 })
    const scope = fc.record(
      {
        debounce: fc.option(fc.record({ readings: fc.integer({ min: 1, max: 9 }), hold_s: fc.nat(1000) })),
        sensor_timeout_s: seconds,
        unknown_after_s: seconds,
        max_clock_skew_s: seconds,
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.array(fc.option(scope, { nil: undefined }), { maxLength: 4 }), (scopes) => {
        const before = structuredClone(scopes)
        const policy = effectivePolicy(...scopes)
        expect(scopes).toEqual(before)
        const { debounce, ...said }: Policy = Object.assign({}, defaultPolicy, ...scopes)
        expect(policy).toEqual({
          ...said,
          debounce: debounce && { ...debounce, hold_s: Math.min(said.sensor_timeout_s, debounce.hold_s) },
          unknown_after_s: Math.max(said.sensor_timeout_s, said.unknown_after_s),
        })
      }),
    )
  })
})

describe('what one scope may say', () => {
  it.each<[unknown, boolean]>([
    [{}, true],
    [{ debounce: null }, true],
    [{ debounce: { readings: 1, hold_s: 0 } }, true],
    [{ debounce: { readings: 100, hold_s: 86_400 } }, true],
    [{ debounce: { readings: 2, hold_s: 0.5 } }, true],
    [{ sensor_timeout_s: 1, unknown_after_s: 400 * 86_400, max_clock_skew_s: 0 }, true],
    [{ debounce: { readings: 0, hold_s: 1 } }, false],
    [{ debounce: { readings: 1.5, hold_s: 1 } }, false],
    [{ debounce: { readings: 101, hold_s: 1 } }, false],
    [{ debounce: { readings: 2, hold_s: -1 } }, false],
    [{ debounce: { readings: 2, hold_s: 86_401 } }, false],
    [{ debounce: { readings: 2 } }, false],
    [{ sensor_timeout_s: 0 }, false],
    [{ unknown_after_s: 0 }, false],
    [{ sensor_timeout_s: null }, false],
    [{ max_clock_skew_s: -1 }, false],
    [{ max_clock_skew_s: '300' }, false],
    [{ unknown_after_s: 400 * 86_400 + 1 }, false],
    [{ sensor_timeout: 5 }, false],
  ])('%j: %s', (fields, isGood) => {
    expect(policyFieldsSchema.safeParse(fields).success).toBe(isGood)
  })
})

it('what is stored is read without what is not known', () => {
  const known = { sensor_timeout_s: 60, debounce: { readings: 2, hold_s: 30 } }
  const stored = { ...known, debounce: { ...known.debounce, by: 'votes' }, quiet_hours: ['22:00', '06:00'] }
  expect(policyFieldsSchema.safeParse(stored).success).toBe(false)
  expect(storedPolicyFieldsSchema.parse(stored)).toEqual(known)
  expect(storedPolicyFieldsSchema.safeParse({ ...stored, sensor_timeout_s: 0 }).success).toBe(false)
})
