import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

/**
 * Who may import whom (STYLE: the data's path is the spine). A room that is missing here fails the test, so that
 * a new one is given its place.
 */
const allowed: Record<string, readonly string[]> = {
  // Files of src/ itself are leaves.
  '.': [],
  mqtt: ['.'],
  occupancy: ['.'],
  decode: ['.', 'occupancy'],
  store: ['.', 'occupancy'],
  ingest: ['.', 'mqtt', 'decode', 'occupancy', 'store'],
  replay: ['.', 'mqtt', 'decode', 'occupancy', 'store'],
  auth: ['.', 'store'],
  // What the API process knows by following the events: availability, streams.
  live: ['.', 'occupancy', 'store'],
  // What goes out over MQTT of the events: states and availability, retained.
  outbox: ['.', 'mqtt', 'occupancy', 'store'],
  // The verbs of those who run a tenant: each checks the right to it, keeps its rules and writes the audit log.
  administration: ['.', 'mqtt', 'occupancy', 'decode', 'store', 'replay', 'auth'],
  // Verbs of those who park: each checks the right to it, keeps its rules and steps the space.
  reservations: ['.', 'occupancy', 'store', 'auth'],
  // Why a space showed what it showed: the state machine from the middle of the log on.
  explain: ['.', 'mqtt', 'decode', 'occupancy', 'store', 'auth'],
  jobs: ['.', 'mqtt', 'occupancy', 'store', 'replay'],
  api: ['.', 'occupancy', 'store', 'replay', 'auth', 'administration', 'reservations', 'live', 'explain'],
  cli: [
    '.',
    'mqtt',
    'occupancy',
    'decode',
    'store',
    'ingest',
    'replay',
    'jobs',
    'live',
    'outbox',
    'api',
    'auth',
    'administration',
    'explain',
  ],
}
/** Rooms that are pure: they import no part of Node that reads a clock, a file or the network. */
const pure = ['occupancy', 'decode']
const pureBuiltins = ['node:buffer', 'node:crypto']

const source = join(import.meta.dirname, '../../src')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && file !== 'main.ts',
)
const importPattern = /(?:from|import)\s*\(?\s*'([^']+)'/g

function roomOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : '.'
}

function importsOf(file: string): string[] {
  return [...readFileSync(join(source, file), 'utf8').matchAll(importPattern)].map((match) => match[1] ?? '')
}

function foreignImports(file: string): string[] {
  const room = roomOf(file)
  return importsOf(file)
    .filter((name) => name.startsWith('.'))
    .map((name) => normalize(join(dirname(file), name)))
    .filter((target) => roomOf(target) !== room && !allowed[room]?.includes(roomOf(target)))
    .map((target) => `${file} imports ${target}`)
}

describe('import directions', () => {
  test('every room has its place', () => {
    expect([...new Set(files.map(roomOf))].filter((room) => !(room in allowed))).toEqual([])
    expect(files.length).toBeGreaterThan(30)
  })

  test('nobody imports against the direction of the data', () => {
    expect(files.flatMap(foreignImports)).toEqual([])
  })

  test('the state machine and the decoders read no clock and do no I/O', () => {
    const impure = files
      .filter((file) => pure.includes(roomOf(file)))
      .flatMap((file) => {
        const builtins = importsOf(file).filter((name) => name.startsWith('node:') && !pureBuiltins.includes(name))
        const clock = /Date\.now\(|new Date\(\)|Math\.random|performance\.now|process\./.test(
          readFileSync(join(source, file), 'utf8'),
        )
        return [...builtins.map((name) => `${file} imports ${name}`), ...(clock ? [`${file} reads a clock`] : [])]
      })
    expect(impure).toEqual([])
  })

  test('the console knows of the server what the API says: its typed client, and the names of permissions, events and rules', () => {
    const folder = join(import.meta.dirname, '../../console/src')
    const known = ['api/client.ts', 'auth/permissions.ts', 'occupancy/events.ts'].map((name) => join(source, name))
    const foreign = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file))
      .flatMap((file) =>
        [...readFileSync(join(folder, file), 'utf8').matchAll(importPattern)]
          .map(([, name = '']) => join(folder, dirname(file), name))
          .filter((target) => target.startsWith(source) && !known.includes(target))
          .map((target) => `${file} imports ${target}`),
      )
    expect(foreign).toEqual([])
  })
})
