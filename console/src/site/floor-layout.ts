/**
 * Where each space of a level is drawn, in metres from one corner, y to the south: by its place on the plan, else by its
 * coordinates, and those that have neither in rows by code, below. Which way a bay is turned is not known: all stand
 * upright, and are as large as lets neighbours not overlap.
 */
export interface PlacedSpace {
  id: string
  code: string
  plan_x: number | null
  plan_y: number | null
  lat: number | null
  lon: number | null
}

export interface Bay {
  id: string
  /** Of its middle. */
  x: number
  y: number
}

export interface FloorLayout {
  bays: Bay[]
  /** Of each bay. */
  width: number
  height: number
  /** Of the whole floor, from 0 on. */
  extent: { width: number; height: number }
  /** How many are in rows because nothing says where they are. */
  inRows: number
}

const bayWidthM = 2.5
const bayHeightM = 5
const smallestM = 0.3
/** How much of its room a bay takes. */
const filled = 0.92
const metresPerDegree = 111_320
/** Rows of those without a place are about twice as wide as high together. */
const rowShape = 4

export function layOut(spaces: readonly PlacedSpace[]): FloorLayout {
  const placed = apart(onPlan(spaces) ?? onMap(spaces) ?? [])
  const size = sizeOf(placed)
  const known = new Set(placed.map(({ id }) => id))
  const others = spaces.filter(({ id }) => !known.has(id))
  const bays = fromCorner([...placed, ...inRows(others, { below: placed, size })], size)
  return {
    bays,
    width: size.width * filled,
    height: size.height * filled,
    extent: {
      width: largest(bays, ({ x }) => x) + size.width,
      height: largest(bays, ({ y }) => y) + size.height,
    },
    inRows: others.length,
  }
}

function onPlan(spaces: readonly PlacedSpace[]): Bay[] | undefined {
  const bays = spaces.flatMap(({ id, plan_x: x, plan_y: y }) => (x === null || y === null ? [] : [{ id, x, y: -y }]))
  return bays.length === 0 ? undefined : bays
}

/** Flat, as a car park is small enough to be. */
function onMap(spaces: readonly PlacedSpace[]): Bay[] | undefined {
  const located = spaces.flatMap(({ id, lat, lon }) => (lat === null || lon === null ? [] : [{ id, lat, lon }]))
  const [first] = located
  if (first === undefined) return undefined
  const perDegreeEast = metresPerDegree * Math.cos((first.lat * Math.PI) / 180)
  return located.map(({ id, lat, lon }) => ({
    id,
    x: (lon - first.lon) * perDegreeEast,
    y: (first.lat - lat) * metresPerDegree,
  }))
}

/** Of several at one place each is shown, a little beside the one before it. */
function apart(bays: readonly Bay[]): Bay[] {
  const taken = new Map<string, number>()
  return bays.map((bay) => {
    const key = `${bay.x.toFixed(2)} ${bay.y.toFixed(2)}`
    const before = taken.get(key) ?? 0
    taken.set(key, before + 1)
    return before === 0 ? bay : { ...bay, x: bay.x + before * smallestM * 2, y: bay.y + before * smallestM * 2 }
  })
}

interface Size {
  width: number
  height: number
}

function sizeOf(bays: readonly Bay[]): Size {
  const size = { width: bayWidthM, height: bayHeightM }
  const cells = new Map<string, Bay[]>()
  const cellOf = ({ x, y }: Bay) => [Math.floor(x / bayWidthM), Math.floor(y / bayHeightM)] as const
  for (const bay of bays) {
    const [column, row] = cellOf(bay)
    for (let across = -1; across <= 1; across++) {
      for (let down = -1; down <= 1; down++) {
        for (const other of cells.get(`${column + across} ${row + down}`) ?? []) shrink(size, bay, other)
      }
    }
    const own = `${column} ${row}`
    cells.set(own, [...(cells.get(own) ?? []), bay])
  }
  return { width: Math.max(size.width, smallestM), height: Math.max(size.height, smallestM) }
}

/** So that these two do not overlap: in the direction in which they are further from each other, for their size. */
function shrink(size: Size, one: Bay, other: Bay): void {
  const across = Math.abs(one.x - other.x)
  const down = Math.abs(one.y - other.y)
  if (across >= size.width - 1e-6 || down >= size.height - 1e-6) return
  if (across / bayWidthM >= down / bayHeightM) size.width = across
  else size.height = down
}

function inRows(spaces: readonly PlacedSpace[], { below, size }: { below: readonly Bay[]; size: Size }): Bay[] {
  const sorted = spaces.toSorted((one, other) => one.code.localeCompare(other.code, 'en', { numeric: true }))
  const perRow = Math.max(1, Math.ceil(Math.sqrt(sorted.length * rowShape)))
  const left = smallest(below, ({ x }) => x)
  const top = below.length === 0 ? 0 : largest(below, ({ y }) => y) + size.height * 2
  return sorted.map(({ id }, index) => ({
    id,
    x: left + (index % perRow) * size.width,
    y: top + Math.floor(index / perRow) * size.height,
  }))
}

/** Moved so that there is room for one bay around all of them. */
function fromCorner(bays: readonly Bay[], { width, height }: Size): Bay[] {
  const left = smallest(bays, ({ x }) => x) - width
  const top = smallest(bays, ({ y }) => y) - height
  return bays.map((bay) => ({ ...bay, x: bay.x - left, y: bay.y - top }))
}

function smallest(bays: readonly Bay[], of: (bay: Bay) => number): number {
  return bays.length === 0 ? 0 : bays.reduce((least, bay) => Math.min(least, of(bay)), Infinity)
}

function largest(bays: readonly Bay[], of: (bay: Bay) => number): number {
  return bays.length === 0 ? 0 : bays.reduce((most, bay) => Math.max(most, of(bay)), -Infinity)
}
