/** Points and boxes on the earth, in degrees of WGS 84. */
export interface Point {
  readonly lat: number
  readonly lon: number
}

/** From its south-western corner to its north-eastern one. One whose west is greater than its east goes over the antimeridian. */
export interface Box {
  readonly south: number
  readonly west: number
  readonly north: number
  readonly east: number
}

const earthRadiusM = 6_371_008.8
const radians = Math.PI / 180
const metresPerDegree = earthRadiusM * radians

/** Along the surface of a sphere, in metres: within 0.6 % of the ellipsoid. */
export function distanceM(a: Point, b: Point): number {
  const half = (degrees: number) => Math.sin((degrees * radians) / 2) ** 2
  const h = half(b.lat - a.lat) + Math.cos(a.lat * radians) * Math.cos(b.lat * radians) * half(b.lon - a.lon)
  return 2 * earthRadiusM * Math.asin(Math.min(1, Math.sqrt(h)))
}

/** False where a point is farther than this for certain: cheaper than the distance. */
export function mayBeWithin(a: Point, b: Point, metres: number): boolean {
  return Math.abs(a.lat - b.lat) * metresPerDegree <= metres
}

export function isInBox({ lat, lon }: Point, { south, west, north, east }: Box): boolean {
  if (lat < south || lat > north) return false
  return west <= east ? lon >= west && lon <= east : lon >= west || lon <= east
}

/** Undefined where one of its coordinates is not known. */
export function pointOf({ lat, lon }: { lat: number | null; lon: number | null }): Point | undefined {
  return lat === null || lon === null ? undefined : { lat, lon }
}
