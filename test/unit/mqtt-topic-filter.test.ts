import { describe, expect, it } from 'vitest'
import { topicPattern } from '../../src/mqtt/topic-filter.ts'

function matches(filter: string, topic: string): boolean {
  return new RegExp(topicPattern(filter) ?? 'not a filter').test(topic)
}

describe('a topic filter', () => {
  it.each([
    ['parking/v1/acme/devices/A1/reading', 'parking/v1/acme/devices/A1/reading', true],
    ['parking/v1/+/devices/+/reading', 'parking/v1/acme/devices/A1/reading', true],
    ['parking/v1/+/devices', 'parking/v1/acme/devices/A1', false],
    ['parking/v1/acme/#', 'parking/v1/acme/devices/A1/reading', true],
    ['parking/v1/acme/#', 'parking/v1/acme', true],
    ['parking/v1/acme/#', 'parking/v1/acme2/devices/A1/reading', false],
    ['#', 'parking/v1/acme', true],
    ['+', 'parking/v1', false],
    ['a.c/+', 'abc/d', false],
    ['a.c~(d|e)/+', 'a.c~(d|e)/f', true],
    ['v3/app@acme/devices/+/up', 'v3/app@acme/devices/d/up', true],
  ])('%s, and the topic %s: %s', (filter, topic, expected) => {
    expect(matches(filter, topic)).toBe(expected)
  })

  it.each(['', 'a/#/b', 'a+/b', 'a/b#', 'a\0b'])('is not %j', (filter) => {
    expect(topicPattern(filter)).toBeUndefined()
  })
})
