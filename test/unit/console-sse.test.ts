import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SseParser, type ServerEvent } from '../../console/src/live/sse.ts'

function parse(pieces: readonly string[]): { events: ServerEvent[]; places: string[] } {
  const events: ServerEvent[] = []
  const places: string[] = []
  const parser = new SseParser({ onEvent: (event) => events.push(event), onPlace: (id) => places.push(id) })
  for (const piece of pieces) parser.push(piece)
  return { events, places }
}

const said = [
  'retry: 1000\n\n',
  ': heartbeat\nid: p1\n\n',
  'id: e1\nevent: occupied\ndata: {"a":1}\n\n',
  'event: note\r\ndata: one\r\ndata: two ünd 🚗\r\n\r\n',
  'data:bare\n\n',
  'id\nevent: empty\n\n',
].join('')

const meant = {
  events: [
    { id: 'e1', kind: 'occupied', data: '{"a":1}' },
    { id: 'e1', kind: 'note', data: 'one\ntwo ünd 🚗' },
    { id: 'e1', kind: 'message', data: 'bare' },
  ],
  places: ['p1', ''],
}

it('reads events, and places without an event', () => {
  expect(parse([said])).toEqual(meant)
})

it('reads the same, however the text is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: said.length })), (cuts) => {
      const at = [0, ...cuts.toSorted((one, other) => one - other), said.length]
      expect(parse(at.slice(1).map((end, index) => said.slice(at[index], end)))).toEqual(meant)
    }),
  )
})

it('dispatches nothing that is not complete, and collects no endless line', () => {
  expect(parse(['data: half']).events).toEqual([])
  expect(() => parse(Array.from({ length: 1100 }, () => 'x'.repeat(1000)))).toThrow('too long')
})
