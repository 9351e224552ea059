import { array, assert, constantFrom, oneof, property, string, stringMatching } from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ackTopic,
  availabilityTopic,
  commandTopic,
  ingestSubscriptions,
  parseTopic,
  readingsTopic,
  readingTopic,
  stateTopic,
  statusTopic,
} from '../../src/mqtt/topics.ts'

const code = stringMatching(/^[A-Za-z0-9._~-]{1,64}$/)

describe('topics', () => {
  it('are parsed into what they were built from', () => {
    const codes = property(code, code, code, (tenant, name, space) => {
      expect(parseTopic(readingTopic(tenant, name))).toEqual({ kind: 'reading', tenant, device: name })
      expect(parseTopic(readingsTopic(tenant, name))).toEqual({ kind: 'readings', tenant, gateway: name })
      expect(parseTopic(statusTopic(tenant, 'device', name))).toEqual({ kind: 'status', tenant, device: name })
      expect(parseTopic(statusTopic(tenant, 'gateway', name))).toEqual({ kind: 'status', tenant, gateway: name })
      expect(parseTopic(commandTopic(tenant, 'device', name))).toEqual({ kind: 'command', tenant, device: name })
      expect(parseTopic(ackTopic(tenant, name))).toEqual({ kind: 'ack', tenant, device: name })
      expect(parseTopic(stateTopic(tenant, name, space))).toEqual({ kind: 'state', tenant, site: name, space })
      expect(parseTopic(availabilityTopic(tenant, name))).toEqual({ kind: 'availability', tenant, site: name })
    })
    assert(codes)
  })

  it.each([
    '',
    'parking/v1/acme/devices/d1',
    'parking/v1/acme/devices/d1/reading/',
    'parking/v1/acme/devices/d1/reading/x',
    '/parking/v1/acme/devices/d1/reading',
    'parking/v2/acme/devices/d1/reading',
    'Parking/v1/acme/devices/d1/reading',
    'parking/v1//devices/d1/reading',
    'parking/v1/acme/devices//reading',
    'parking/v1/acme/devices/+/reading',
    'parking/v1/acme/devices/#/reading',
    'parking/v1/acme/devices/d1/readings',
    'parking/v1/acme/gateways/g1/reading',
    'parking/v1/acme/gateways/g1/ack',
    'parking/v1/acme/sites/m/spaces/s',
    'parking/v1/acme/sites/m/spaces//state',
    'parking/v1/acme/sites/m/spaces/s/state/',
    'parking/v1/acme/devices/d1/reading\n',
    'parking/v1/acme/devices/d\u00001/reading',
    'parking/v1/acme/devices/dé/reading',
    `parking/v1/acme/devices/${'d'.repeat(65)}/reading`,
    '$share/g/parking/v1/acme/devices/d1/reading',
    'parking/v1/acme/devices/constructor/__proto__',
  ])('%j is none', (topic) => {
    expect(parseTopic(topic)).toBeUndefined()
  })

  it('that parse are exactly those that can be built, whatever is sent', () => {
    const level = oneof(
      constantFrom('parking', 'v1', 'devices', 'gateways', 'sites', 'spaces', 'reading', 'readings', 'status', 'state'),
      constantFrom('', '+', '#', '..', '%2f', 'ａｃｍｅ', 'constructor', 'acme\u0000'),
      code,
      string(),
    )
    const rebuilt = property(array(level, { maxLength: 9 }), (levels) => {
      const topic = ['parking', 'v1', ...levels].join('/')
      const parsed = parseTopic(topic)
      if (parsed !== undefined) expect(built(parsed)).toBe(topic)
    })
    assert(rebuilt, { numRuns: 5000 })
  })

  it('of ingest are subscribed to once each', () => {
    const filters = ingestSubscriptions.map(({ filter }) => filter)
    expect(filters.toSorted()).toEqual([
      'parking/v1/+/devices/+/ack',
      'parking/v1/+/devices/+/reading',
      'parking/v1/+/devices/+/status',
      'parking/v1/+/gateways/+/readings',
      'parking/v1/+/gateways/+/status',
    ])
  })
})

function built(topic: NonNullable<ReturnType<typeof parseTopic>>): string {
  const { tenant } = topic
  switch (topic.kind) {
    case 'reading':
      return readingTopic(tenant, topic.device)
    case 'ack':
      return ackTopic(tenant, topic.device)
    case 'command':
      return commandTopic(tenant, 'device', topic.device)
    case 'readings':
      return readingsTopic(tenant, topic.gateway)
    case 'status':
      return topic.device === undefined
        ? statusTopic(tenant, 'gateway', topic.gateway)
        : statusTopic(tenant, 'device', topic.device)
    case 'state':
      return stateTopic(tenant, topic.site, topic.space)
    case 'availability':
      return availabilityTopic(tenant, topic.site)
  }
}
