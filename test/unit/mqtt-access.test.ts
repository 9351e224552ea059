import { array, assert, constantFrom, oneof, property, string, stringMatching } from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  mayBequeath,
  mayPublish,
  maySubscribe,
  parseUsername,
  usernameOf,
  type Principal,
} from '../../src/mqtt/access.ts'
import { parseTopic } from '../../src/mqtt/topics.ts'

const device: Principal = { tenant: 'acme', kind: 'device', code: 'x1' }
const gateway: Principal = { tenant: 'acme', kind: 'gateway', code: 'x1' }
const app: Principal = { tenant: 'acme', kind: 'app', code: 'x1' }
const principals = { device, gateway, app }

function publishes(principal: Principal, topic: string): boolean {
  const parsed = parseTopic(topic)
  return parsed !== undefined && mayPublish(principal, parsed)
}

const everyTopic = ['acme', 'other'].flatMap((tenant) =>
  ['x1', 'x2'].flatMap((name) => [
    ...['reading', 'status', 'command', 'ack'].map((leaf) => `parking/v1/${tenant}/devices/${name}/${leaf}`),
    ...['readings', 'status'].map((leaf) => `parking/v1/${tenant}/gateways/${name}/${leaf}`),
    `parking/v1/${tenant}/sites/${name}/availability`,
    `parking/v1/${tenant}/sites/${name}/spaces/${name}/state`,
  ]),
)

describe('publishing', () => {
  it.each([
    ['device', ['devices/x1/reading', 'devices/x1/status', 'devices/x1/ack']],
    ['gateway', ['gateways/x1/readings', 'gateways/x1/status']],
    ['app', []],
  ] as const)('a %s may publish exactly to its own topics', (kind, own) => {
    const allowed = everyTopic.filter((topic) => publishes(principals[kind], topic))
    expect(allowed).toEqual(own.map((rest) => `parking/v1/acme/${rest}`))
  })

  it('a last will may only be on its own status', () => {
    const wills = everyTopic.filter((topic) => {
      const parsed = parseTopic(topic)
      return parsed !== undefined && mayBequeath(device, parsed)
    })
    expect(wills).toEqual(['parking/v1/acme/devices/x1/status'])
  })
})

const hostileFilters = [
  '#',
  '+/#',
  'parking/#',
  'parking/v1/acme/#',
  'parking/v1/+/devices/x1/command',
  'parking/v1/acme/devices/+/command',
  'parking/v1/acme/devices/#',
  'parking/v1/acme/devices/x1/#',
  'parking/v1/acme/devices/x1/+',
  'parking/v1/acme/devices/x1/command/',
  'parking/v1/acme/devices/x1/command/#',
  'parking/v1/acme/devices/x1/reading',
  'parking/v1/acme/devices/x2/command',
  'parking/v1/acme/sites/#',
  'parking/v1/acme/sites/+/#',
  'parking/v1/acme/sites/+/spaces/#',
  'parking/v1/acme/sites/+/spaces/+/+',
  'parking/v1/acme/sites/+/+',
  'parking/v1/acme/sites/++/availability',
  'parking/v1/acme/sites//availability',
  'parking/v1/+/sites/+/availability',
  'parking/v1/other/sites/m/availability',
  '/parking/v1/acme/sites/m/availability',
  '$share/g/parking/v1/acme/devices/x1/command',
  '$share/g/parking/v1/acme/sites/m/availability',
  '$queue/parking/v1/acme/devices/x1/command',
  '$SYS/#',
  '$CONTROL/#',
  '$refused',
  '',
  'parking/v1/acme/devices/x1/command\u0000',
  'parking/v1/acme/dеvices/x1/command',
]

describe('subscribing', () => {
  it.each(['device', 'gateway'] as const)('a %s may subscribe to its own command alone', (kind) => {
    const own = `parking/v1/acme/${kind}s/x1/command`
    expect(maySubscribe(principals[kind], own)).toBe(true)
    const allowed = [...hostileFilters, ...everyTopic].filter((filter) => maySubscribe(principals[kind], filter))
    expect(allowed.filter((filter) => filter !== own)).toEqual([])
  })

  it('an app may read the state and availability of its tenant, with wildcards for site and space', () => {
    const allowed = [
      'parking/v1/acme/sites/m/availability',
      'parking/v1/acme/sites/+/availability',
      'parking/v1/acme/sites/m/spaces/s/state',
      'parking/v1/acme/sites/+/spaces/+/state',
      'parking/v1/acme/sites/m/spaces/+/state',
    ]
    expect(allowed.filter((filter) => !maySubscribe(app, filter))).toEqual([])
    expect(hostileFilters.filter((filter) => maySubscribe(app, filter))).toEqual([])
  })

  it('nothing that may be subscribed to reaches another tenant or a level of many', () => {
    const level = oneof(
      constantFrom('parking', 'v1', 'acme', 'other', 'sites', 'spaces', 'devices', 'x1', 'state', 'availability'),
      constantFrom('+', '#', '$share', '$SYS', '', '%c', '%u'),
      string(),
    )
    const bounded = property(
      array(level, { maxLength: 9 }),
      constantFrom<Principal>(device, gateway, app),
      (levels, principal) => {
        for (const filter of [levels.join('/'), ['parking', 'v1', 'acme', ...levels].join('/')]) {
          if (!maySubscribe(principal, filter)) continue
          expect(filter.startsWith('parking/v1/acme/')).toBe(true)
          expect(filter).not.toContain('#')
        }
      },
    )
    assert(bounded, { numRuns: 5000 })
  })
})

describe('user names', () => {
  it('name a tenant, a kind and a code', () => {
    const code = stringMatching(/^[A-Za-z0-9._~-]{1,64}$/)
    const inverse = property(
      code,
      code,
      constantFrom<Principal['kind']>('device', 'gateway', 'app'),
      (tenant, name, kind) => {
        const principal: Principal = { tenant, kind, code: name }
        expect(parseUsername(usernameOf(principal))).toEqual(principal)
      },
    )
    assert(inverse)
  })

  it.each([
    '',
    'acme',
    'acme/devices',
    'acme/devices/',
    '/devices/x1',
    'acme/sensors/x1',
    'acme/devices/x1/',
    'acme/devices/x1/y',
    'acme/devices/+',
    'acme/devices/#',
    '+/devices/x1',
    'acme/devices/x\n',
    'acme/devices/x1\u0000',
    'acme/constructor/x1',
    `acme/devices/${'x'.repeat(65)}`,
    'ａcme/devices/x1',
  ])('%j is none', (username) => {
    expect(parseUsername(username)).toBeUndefined()
  })
})
