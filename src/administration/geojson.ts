import type { CsvFile, Findings } from '../csv.ts'
import { Refusal } from '../refusal.ts'

export interface GeoJsonOptions {
  /** The names that mean something; all others are ignored. */
  known: readonly string[]
  mostRows: number
  /** How many of the ignored names are told. */
  mostIgnored: number
  findings: Findings
}

/** A table, and the names of what means nothing here. */
export interface KnownTable extends CsvFile {
  ignored: readonly string[]
}

/**
 * A GeoJSON FeatureCollection (RFC 7946) as rows with columns, so that it is read as a table is: the known properties of its
 * features are the columns, and a Point gives `lat` and `lon`. Features are counted from 1. A file of one megabyte can name
 * more properties, and have more features, than the memory has room for cells of each with each.
 */
export function geoJsonRows(content: string, { known, mostRows, mostIgnored, findings }: GeoJsonOptions): KnownTable {
  const features = featuresOf(content, mostRows)
  const ignored = new Set<string>()
  const ignore = (name: string) => ignored.size < mostIgnored && ignored.add(name)
  const cells = features.map((feature, index) =>
    cellsOf(feature, { known, ignore, add: (reason, name) => findings.add(index + 1, reason, name) }),
  )
  const present = new Set(['lat', 'lon', ...cells.flatMap((ofFeature) => [...ofFeature.keys()])])
  const columns = [...present]
  return {
    path: 'the file',
    columns,
    rows: cells.map((ofFeature, index) => ({
      line: index + 1,
      cells: columns.map((name) => ofFeature.get(name) ?? ''),
    })),
    ignored: [...ignored],
  }
}

interface FeatureFindings {
  add(reason: string, column: string): void
}

interface FeatureReading extends FeatureFindings {
  known: readonly string[]
  ignore(name: string): void
}

function featuresOf(content: string, mostRows: number): unknown[] {
  const collection = parsed(content)
  if (!isObject(collection) || collection['type'] !== 'FeatureCollection' || !Array.isArray(collection['features'])) {
    throw new Refusal('invalid_input', 'The file is no GeoJSON FeatureCollection.')
  }
  const features: unknown[] = collection['features']
  if (features.length === 0) throw new Refusal('invalid_input', 'The file has no features.')
  if (features.length > mostRows) throw new Refusal('invalid_input', `The file has more than ${mostRows} rows.`)
  return features
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    throw new Refusal('invalid_input', 'The file is no JSON.')
  }
}

function cellsOf(feature: unknown, reading: FeatureReading): Map<string, string> {
  const cells = new Map<string, string>()
  if (!isObject(feature) || feature['type'] !== 'Feature') {
    reading.add('is no GeoJSON feature', 'type')
    return cells
  }
  const { properties, geometry } = feature
  if (isObject(properties)) {
    for (const [name, value] of Object.entries(properties)) {
      // Where it stands is what its geometry says.
      if (name === 'lat' || name === 'lon') continue
      // What a property that is none of ours holds is nobody's concern.
      if (reading.known.includes(name)) cells.set(name, cellOf(value, name, reading))
      else reading.ignore(name)
    }
  } else reading.add('is no object', 'properties')
  addPosition(cells, geometry, reading)
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
  findings.add('is of the wrong type', name)
  return ''
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
