/**
 * Which key signs, which comes next and which has had its time; pure, so that all processes come to the same answer from
 * the same rows.
 *
 * K1  Of the keys in force, the newest whose time has come signs.
 * K2  A key is published for 10 minutes before it signs, so that whoever keeps the published keys has it by then.
 * K3  A key stays published until nothing that it signed can still be good: longest access life, leeway, and some more.
 */
export interface KeyTimes {
  createdAt: Date
  signsFrom: Date
}

/** K2. The published keys may be kept for half as long (api/routes/jwks.ts). */
export const publishedBeforeUseMs = 10 * 60_000
/** K3: 60 minutes, the most that BAYWIRE_ACCESS_TOKEN_MINUTES takes, and 60 s of leeway; the rest is for clocks that differ. */
export const keptAfterUseMs = 75 * 60_000

/** K1. Where no time has come, which takes a clock that went back, the one that comes first. */
export function signingKey<Key extends KeyTimes>(inForce: readonly Key[], now: number): Key | undefined {
  const ordered = inForce.toSorted(bySignsFrom)
  return ordered.findLast((key) => key.signsFrom.getTime() <= now) ?? ordered[0]
}

/** The first of those whose time has not come. */
export function nextKey<Key extends KeyTimes>(inForce: readonly Key[], now: number): Key | undefined {
  return inForce.toSorted(bySignsFrom).find((key) => key.signsFrom.getTime() > now)
}

/** K3. Those whose successor has signed for long enough. */
export function keysToRetire<Key extends KeyTimes>(inForce: readonly Key[], now: number): Key[] {
  const ordered = inForce.toSorted(bySignsFrom)
  return ordered.filter((_, index) => {
    const successor = ordered[index + 1]
    return successor !== undefined && successor.signsFrom.getTime() + keptAfterUseMs <= now
  })
}

/** K2. The earliest that a key which was asked for now may sign. */
export function earliestUse(key: Pick<KeyTimes, 'createdAt'>, now: number): number {
  return Math.max(now, key.createdAt.getTime() + publishedBeforeUseMs)
}

function bySignsFrom(one: KeyTimes, other: KeyTimes): number {
  return one.signsFrom.getTime() - other.signsFrom.getTime()
}
