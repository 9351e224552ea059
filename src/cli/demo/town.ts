import type { PlannedSite, PlannedSpace } from '../../store/provision-places.ts'

/** The places of the demo: a garage of three floors and a market square, with where each space lies. */
export interface DemoSite {
  site: PlannedSite & { code: string; lat: number; lon: number; timezone: string }
  spaces: readonly PlannedSpace[]
  /** Share of its spaces that are taken at each full hour of its local day. */
  taken: readonly number[]
}

export const demoTenant = 'demo'
export const spareSpace = { site: 'harbour', code: 'SPARE', device: 'spare' } as const

const bayWidthM = 2.5
const bayDepthM = 5
const aisleM = 6
const metresPerDegree = 111_320

export function demoSites(): DemoSite[] {
  return [harbour(), market()]
}

/** Sensors are named after their space. */
export function sensorOf({ site, code }: Pick<PlannedSpace, 'site' | 'code'>): string {
  return `${site}-${code}`
}

function harbour(): DemoSite {
  const site = { code: 'harbour', name: 'Harbour garage', lat: 56.1534, lon: 10.2127, timezone: 'Europe/Copenhagen' }
  const floors = [
    { level: 'P0', zone: 'short-stay' },
    { level: 'P1', zone: 'commuters' },
    { level: 'P2', zone: 'residents' },
  ]
  const spaces = floors.flatMap(({ level, zone }) =>
    rows({ rows: 4, perRow: 8 }).map(({ number, x, y }) => ({
      site: site.code,
      zone,
      level,
      ...named(`${level}-${number}`, `${level}, bay ${number}`),
      ...position(site, x, y),
      features: featuresOf(number, level === 'P0' ? 6 : 2),
    })),
  )
  const spare = {
    ...position(site, -bayWidthM, 0),
    ...named(spareSpace.code, 'Yours to try'),
    site: site.code,
    level: 'P0',
  }
  return { site, spaces: [...spaces, spare], taken: curve({ night: 0.2, day: 0.92, from: 7, to: 17 }) }
}

function market(): DemoSite {
  const site = { code: 'market', name: 'Market square', lat: 56.1577, lon: 10.2051, timezone: 'Europe/Copenhagen' }
  const spaces = rows({ rows: 2, perRow: 24 }).map(({ number, x, y }) => ({
    site: site.code,
    zone: y < aisleM ? 'north' : 'south',
    level: '0',
    ...named(`M${number}`, `Market square ${number}`),
    ...position(site, x, y),
    features: featuresOf(number, 4),
  }))
  return { site, spaces, taken: curve({ night: 0.12, day: 0.8, from: 10, to: 20 }) }
}

/** Bays in rows of pairs that face each other over an aisle; numbers have two digits. */
function rows({ rows: count, perRow }: { rows: number; perRow: number }) {
  return Array.from({ length: count * perRow }, (_, index) => {
    const row = Math.floor(index / perRow)
    return {
      number: String(index + 1).padStart(2, '0'),
      x: (index % perRow) * bayWidthM,
      y: row * bayDepthM + Math.ceil(row / 2) * aisleM,
    }
  })
}

function named(code: string, name: string): { code: string; name: string } {
  return { code, name }
}

/** On the floor plan, in metres from its corner, and on the map, where the corner is the site's own position. */
function position({ lat, lon }: { lat: number; lon: number }, x: number, y: number) {
  return {
    planX: x,
    planY: y,
    lat: Number((lat + y / metresPerDegree).toFixed(7)),
    lon: Number((lon + x / (metresPerDegree * Math.cos((lat * Math.PI) / 180))).toFixed(7)),
  }
}

function featuresOf(number: string, charging: number): string[] {
  const place = Number(number)
  if (place <= 2) return ['accessible']
  return place <= 2 + charging ? ['charging'] : []
}

const hours = 24
const edgeHours = 2

/** Low at night, high by day, with two hours of coming and going. */
function curve({ night, day, from, to }: { night: number; day: number; from: number; to: number }): number[] {
  return Array.from({ length: hours }, (_, hour) => {
    const coming = Math.min(1, Math.max(0, (hour - from + edgeHours / 2) / edgeHours))
    const going = Math.min(1, Math.max(0, (to + edgeHours / 2 - hour) / edgeHours))
    return night + (day - night) * Math.min(coming, going)
  })
}
