import { effectivePolicy, type Policy } from '../occupancy/policy.ts'
import { rulesVersion } from '../occupancy/step.ts'
import type { SaidPolicy } from '../store/explain-space.ts'

/** @param said the oldest first */
export function policyAt(said: readonly SaidPolicy[], version: number): Policy {
  const newest = (scope: SaidPolicy['scope']) =>
    said.findLast((one) => one.scope === scope && one.version <= version)?.fields
  return effectivePolicy(newest('tenant'), newest('site'), newest('space'))
}

/** From this version of the rules on heartbeats teach; all else is as it was. */
export const rulesThatLearn = 2

/** The policy as the rules took it that decided then: so the rules of today step what others had decided. */
export function policyUnder(
  said: readonly SaidPolicy[],
  decided: { policyVersion: number; rulesVersion: number },
): Policy {
  const policy = policyAt(said, decided.policyVersion)
  return decided.rulesVersion < rulesThatLearn ? { ...policy, learn_freshness: false } : policy
}

/** Whether it is known here what these rules were. */
export function areRulesKnown(version: number): boolean {
  return version >= 1 && version <= rulesVersion
}
