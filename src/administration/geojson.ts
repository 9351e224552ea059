import type { CsvFile, Findings } from '../csv.ts'
import { Refusal } from '../refusal.ts'

/**
 * A GeoJSON FeatureCollection (RFC 7946) as rows with columns, so that it is read as a table is: the properties of its
 * features are the columns, and a Point gives `lat` and `lon`. Features are counted from 1.
 */
export function geoJsonRows(content: string, findings: Findings): CsvFile {
  const features = featuresOf(content)
  const columns = new Set<string>(['lat', 'lon'])
  const cells = features.map((feature, index) =>
    cellsOf(feature, { add: (reason, name) => findings.add(index + 1, reason, name) }),
  )
  for (const ofFeature of cells) for (const name of ofFeature.keys()) columns.add(name)
  const names = [...columns]
  return {
    path: 'the file',
    columns: names,
    rows: cells.map((ofFeature, index) => ({
      line: index + 1,
      cells: names.map((name) => ofFeature.get(name) ?? ''),
    })),
  }
}

interface FeatureFindings {
  add(reason: string, column: string): void
}

function featuresOf(content: string): unknown[] {
  const collection = parsed(content)
  if (!isObject(collection) || collection['type'] !== 'FeatureCollection' || !Array.isArray(collection['features'])) {
    throw new Refusal('invalid_input', 'The file is no GeoJSON FeatureCollection.')
  }
  const features: unknown[] = collection['features']
  if (features.length === 0) throw new Refusal('invalid_input', 'The file has no features.')
  return features
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    throw new Refusal('invalid_input', 'The file is no JSON.')
  }
}

function cellsOf(feature: unknown, findings: FeatureFindings): Map<string, string> {
  const cells = new Map<string, string>()
  if (!isObject(feature) || feature['type'] !== 'Feature') {
    findings.add('is no GeoJSON feature', 'type')
    return cells
  }
  const { properties, geometry } = feature
  if (isObject(properties)) {
    for (const [name, value] of Object.entries(properties)) {
      // Where it stands is what its geometry says.
      if (name !== 'lat' && name !== 'lon') cells.set(name, cellOf(value, name, findings))
    }
  } else findings.add('is no object', 'properties')
  addPosition(cells, geometry, findings)
  return cells
}

function addPosition(cells: Map<string, string>, geometry: unknown, findings: FeatureFindings): void {
  if (geometry === null || geometry === undefined) return
  const coordinates: unknown = isObject(geometry) && geometry['type'] === 'Point' ? geometry['coordinates'] : undefined
  const [lon, lat]: unknown[] = Array.isArray(coordinates) ? coordinates : []
  if (typeof lon !== 'number' || typeof lat !== 'number') {
    findings.add('is no Point with longitude and latitude', 'geometry')
    return
  }
  cells.set('lat', String(lat)).set('lon', String(lon))
}

function cellOf(value: unknown, name: string, findings: FeatureFindings): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return value.trim()
  if (typeof value === 'number') return String(value)
  const texts: unknown[] = name === 'features' && Array.isArray(value) ? value : [undefined]
  if (texts.every((text) => typeof text === 'string' && !/[;|]/.test(text))) return texts.join(';')
  // What a property that is none of ours holds is nobody's concern.
  if (['site', 'space', 'code', 'zone', 'name', 'level', 'plan_x', 'plan_y', 'features'].includes(name)) {
    findings.add('is of the wrong type', name)
  }
  return ''
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
