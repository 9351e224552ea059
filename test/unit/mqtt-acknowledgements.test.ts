import { expect, test } from 'vitest'
import { OrderedAcknowledgements } from '../../src/mqtt/acknowledgements.ts'

/** Packet ids of PUBACKs, four bytes each. */
function idsIn(packets: readonly Buffer[]): number[] {
  const bytes = Buffer.concat(packets)
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt16BE(index * 4 + 2))
}

function ordered() {
  const packets: Buffer[] = []
  const acknowledgements = new OrderedAcknowledgements((bytes) => packets.push(bytes))
  return { acknowledgements, sent: () => idsIn(packets) }
}

/** What is given in one turn leaves at its end. */
const endOfTurn = () => new Promise(setImmediate)

test('acknowledges in the order in which messages came, whichever was settled first', async () => {
  const { acknowledgements, sent } = ordered()
  for (const id of [7, 3, 65_535, 1]) acknowledgements.expect(id)
  for (const id of [65_535, 3]) acknowledgements.add(id)
  await endOfTurn()
  expect(sent()).toEqual([])
  acknowledgements.add(7)
  await endOfTurn()
  expect(sent()).toEqual([7, 3, 65_535])
})

test('takes the same ids again and again', async () => {
  const { acknowledgements, sent } = ordered()
  const ids = Array.from({ length: 10_000 }, (_, index) => (index % 3) + 1)
  for (const id of ids) {
    acknowledgements.expect(id)
    acknowledgements.add(id)
  }
  await endOfTurn()
  expect(sent()).toEqual(ids)
})

test('at the end sends what was settled early, and nothing of what was not', () => {
  const { acknowledgements, sent } = ordered()
  for (const id of [1, 2, 3]) acknowledgements.expect(id)
  acknowledgements.add(2)
  acknowledgements.finish()
  expect(sent()).toEqual([2])
})
