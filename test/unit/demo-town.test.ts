import { expect, test } from 'vitest'
import { faultySensors } from '../../src/cli/demo/faults.ts'
import { demoHints } from '../../src/cli/demo/hints.ts'
import { shareTaken } from '../../src/cli/demo/sensors.ts'
import { demoSites, sensorOf, spareSpace } from '../../src/cli/demo/town.ts'
import { codePattern } from '../../src/ids.ts'

const spaces = demoSites().flatMap((each) => each.spaces)

test('the town has two sites and at least 120 spaces, each with a code and a place of its own', () => {
  expect(demoSites()).toHaveLength(2)
  expect(spaces.length).toBeGreaterThanOrEqual(120)
  expect(new Set(spaces.map(sensorOf)).size).toBe(spaces.length)
  expect(new Set(spaces.map(({ site, level, planX, planY }) => `${site} ${level} ${planX} ${planY}`)).size).toBe(
    spaces.length,
  )
  for (const { site, code, lat, lon } of spaces) {
    expect(codePattern.test(sensorOf({ site, code }))).toBe(true)
    expect(Math.abs((lat ?? 0) - 56.155)).toBeLessThan(0.01)
    expect(Math.abs((lon ?? 0) - 10.209)).toBeLessThan(0.01)
  }
})

test('faulty sensors are sensors of the town, and the spare one is none of them', () => {
  const sensors = new Set(spaces.map(sensorOf))
  for (const device of Object.keys(faultySensors)) expect(sensors.has(device)).toBe(true)
  expect(spaces.filter(({ site, code }) => site === spareSpace.site && code === spareSpace.code)).toHaveLength(1)
})

test('the share of taken spaces follows the local day', () => {
  const curve = Array.from({ length: 24 }, (_, hour) => hour / 100)
  const at = (time: string) => shareTaken(curve, { atMs: Date.parse(time), timezone: 'Europe/Copenhagen' })
  expect(at('2026-07-01T10:00:00Z')).toBeCloseTo(0.12)
  expect(at('2026-01-01T10:30:00Z')).toBeCloseTo(0.115)
  expect(at('2026-01-01T22:30:00Z')).toBeCloseTo(0.115)
  for (const { taken } of demoSites()) {
    expect(taken).toHaveLength(24)
    expect(Math.min(...taken)).toBeGreaterThan(0)
    expect(Math.max(...taken)).toBeLessThan(1)
  }
})

test('the hints have a whole line to publish as the spare device, and how to sign in', () => {
  const demo = {
    tenant: 'demo',
    sites: [],
    spare: { site: 'harbour', space: 'SPARE', device: 'spare', secret: 's3cret' },
  }
  const hints = demoHints({
    demo,
    operator: { email: 'operator@demo.example', password: 'Bay-s3cret-7' },
    httpUrl: 'http://127.0.0.1:8080',
    mqtt: { host: '127.0.0.1', port: 1883 },
  })
  expect(hints).toContain(
    'mosquitto_pub -h 127.0.0.1 -p 1883 -V mqttv311 -q 1 -i demo/devices/spare -u demo/devices/spare -P s3cret ' +
      `-t parking/v1/demo/devices/spare/reading -m '{"occupied": true}'\n`,
  )
  expect(hints).toContain('Sign in at http://127.0.0.1:8080/ as operator@demo.example with Bay-s3cret-7\n')
})
