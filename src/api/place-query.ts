import { z } from '@hono/zod-openapi'
import type { Box } from '../live/geo.ts'
import type { Area, Wanted } from '../live/search.ts'
import type { Status } from '../occupancy/state.ts'
import { ApiError } from './errors.ts'
import { GIVEN_ONCE } from './schemas.ts'

/** Query parameters that ask for places by where they are and what they have, and what they mean to the search. */
const MOST_RADIUS_M = 100_000
const DEFAULT_RADIUS_M = 1000
const MOST_WORDS = 32
const WORD_CHARACTERS = 64
const LEVEL_CHARACTERS = 200
const statuses: readonly Status[] = ['free', 'occupied', 'reserved', 'blocked', 'out_of_service', 'unknown']

const given = () => z.string({ error: GIVEN_ONCE })

/** Degrees without exponent: what is written is what is meant. */
function degrees(text: string, count: number): number[] | undefined {
  const parts = text.split(',')
  const wellFormed = parts.length === count && parts.every((part) => /^-?\d{1,3}(?:\.\d{1,15})?$/.test(part))
  return wellFormed ? parts.map(Number) : undefined
}

const isLat = (value: number | undefined): value is number => value !== undefined && Math.abs(value) <= 90
const isLon = (value: number | undefined): value is number => value !== undefined && Math.abs(value) <= 180

function pointIn(text: string) {
  const [lat, lon] = degrees(text, 2) ?? []
  return isLat(lat) && isLon(lon) ? { lat, lon } : undefined
}

function boxIn(text: string): Box | undefined {
  const [south, west, north, east] = degrees(text, 4) ?? []
  if (!isLat(south) || !isLat(north) || !isLon(west) || !isLon(east) || south > north) return undefined
  return { south, west, north, east }
}

/** Of a parameter that holds one text and means something else; undefined is what cannot be read. */
function readBy<Value>(read: (text: string) => Value | undefined, error: string) {
  return given().transform((text, context) => {
    const value = read(text)
    if (value === undefined) context.addIssue({ code: 'custom', message: error })
    return value as Value
  })
}

function wordsIn(text: string): string[] | undefined {
  const words = text.split(',')
  const fit = words.length <= MOST_WORDS && words.every((word) => word !== '' && word.length <= WORD_CHARACTERS)
  return fit ? words : undefined
}

function statusesIn(text: string): Status[] | undefined {
  const words = wordsIn(text)
  return words?.every((word) => statuses.includes(word as Status)) === true ? (words as Status[]) : undefined
}

function radiusIn(text: string): number | undefined {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0
  return value >= 1 && value <= MOST_RADIUS_M ? value : undefined
}

/** Where. */
export const areaQuery = {
  near: readBy(pointIn, 'must be LAT,LON in degrees')
    .optional()
    .openapi({ type: 'string', description: 'the nearest first, with `distance_m`', example: '53.5461,9.9661' }),
  radius: readBy(radiusIn, `must be a whole number from 1 to ${MOST_RADIUS_M}`)
    .optional()
    .openapi({
      type: 'integer',
      minimum: 1,
      maximum: MOST_RADIUS_M,
      description: `how far from \`near\`, in metres (default ${DEFAULT_RADIUS_M})`,
    }),
  box: readBy(boxIn, 'must be SOUTH,WEST,NORTH,EAST in degrees, the south not above the north').optional().openapi({
    type: 'string',
    description: 'within these bounds; a west that is greater than the east goes over the antimeridian',
    example: '53.5,9.9,53.6,10.1',
  }),
}

/** With what. */
export const kindQuery = {
  features: readBy(wordsIn, `must be 1 to ${MOST_WORDS} words, separated by commas`).optional().openapi({
    type: 'string',
    description: 'spaces that have all of these, separated by commas',
    example: 'charging',
  }),
  level: given()
    .min(1)
    .max(LEVEL_CHARACTERS)
    .optional()
    .openapi({ description: 'spaces on this level', example: '-1' }),
}

/** In which state. */
export const stateQuery = {
  status: readBy(statusesIn, `must be of ${statuses.join(', ')}, separated by commas`)
    .optional()
    .openapi({ type: 'string', description: 'spaces with one of these, separated by commas', example: 'free,unknown' }),
  free: z.enum(['known', 'possible'], { error: 'must be known or possible, once' }).optional().openapi({
    description: '`known`: free by fresh evidence; `possible`: also those of which nothing fresh is known',
  }),
}

export interface AskedArea {
  near?: { lat: number; lon: number } | undefined
  radius?: number | undefined
  box?: Box | undefined
}

/** @throws ApiError `invalid_input` for a radius around nothing */
export function areaOf({ near, radius, box }: AskedArea): Area {
  if (near === undefined && radius !== undefined) {
    throw new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
      errors: [{ path: 'radius', message: 'needs near' }],
    })
  }
  return { near: near && { point: near, radiusM: radius ?? DEFAULT_RADIUS_M }, box }
}

export interface AskedKind {
  features?: string[] | undefined
  level?: string | undefined
  status?: Status[] | undefined
  free?: 'known' | 'possible' | undefined
  zoneId?: string | undefined
}

export function wantedOf({ features, level, status, free, zoneId }: AskedKind): Wanted {
  return { features, level, statuses: status, free, zoneId }
}
