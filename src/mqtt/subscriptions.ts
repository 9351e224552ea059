import { ingestSubscriptions, type Subscription } from './topics.ts'

/**
 * What the session of a consumer is to have, and what an earlier setting may have left in it: a session keeps its
 * subscriptions, and would be sent a message once for each that matches.
 */
export function sessionSubscriptions({
  subscriptions = ingestSubscriptions,
  shareGroup,
  leftGroup,
}: {
  subscriptions?: readonly Subscription[]
  shareGroup?: string | undefined
  leftGroup?: string | undefined
}): { wanted: Subscription[]; others: string[] } {
  const divisible = subscriptions.filter((subscription) => subscription.divisible).map(({ filter }) => filter)
  const left =
    leftGroup === undefined || leftGroup === shareGroup ? [] : divisible.map((filter) => inGroup(leftGroup, filter))
  if (shareGroup === undefined) return { wanted: [...subscriptions], others: left }
  const wanted = subscriptions.map((subscription) => ({
    ...subscription,
    filter: subscription.divisible ? inGroup(shareGroup, subscription.filter) : subscription.filter,
  }))
  return { wanted, others: [...left, ...divisible] }
}

export function inGroup(group: string, filter: string): string {
  return `$share/${group}/${filter}`
}
