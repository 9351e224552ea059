import { expect, test } from 'vitest'
import { Sensors } from '../../bench/load/sensors.ts'
import { decodeReadings } from '../../src/decode/native.ts'

const topic = 'parking/v1/bench/gateways/gateway-00001/readings'
const devices = ['sensor-00001', 'sensor-00002', 'sensor-00003']

/** What `count` packets of one gateway say, all of them written in the same millisecond. */
function readings(count: number) {
  const sensors = new Sensors({ topic, devices, boot: 1_763_000_000 })
  const nowMs = Date.parse('2026-11-21T08:00:00.000Z')
  return Array.from({ length: count }, (_, index) => {
    const packet = Buffer.alloc(sensors.packetBytes)
    sensors.write(packet, 0, { packetId: index + 1, nowMs })
    const [part] = decodeReadings(packet.subarray(sensors.payloadAt))
    if (part?.ok !== true) throw new Error(JSON.stringify(part))
    return { packetId: packet.readUInt16BE(sensors.payloadAt - 2), device: part.device, ...part.reading }
  })
}

test('every packet is a reading that Baywire takes, of about 200 bytes, with its own packet id', () => {
  const sensors = new Sensors({ topic, devices, boot: 1 })
  expect(sensors.packetBytes - sensors.payloadAt).toBeGreaterThan(150)
  expect(sensors.packetBytes - sensors.payloadAt).toBeLessThan(250)
  expect(readings(4).map(({ packetId, device }) => [packetId, device])).toEqual([
    [1, 'sensor-00001'],
    [2, 'sensor-00002'],
    [3, 'sensor-00003'],
    [4, 'sensor-00001'],
  ])
})

test('the time and the counter of a device always go forward', () => {
  const ofOne = readings(300).filter(({ device }) => device === 'sensor-00002')
  for (const [index, reading] of ofOne.slice(1).entries()) {
    expect(reading.at).toBeGreaterThan(ofOne[index]?.at ?? Infinity)
    expect(reading.counter).toBe((ofOne[index]?.counter ?? Infinity) + 1)
  }
})

test('one reading in five changes the state of its space', () => {
  const ofOne = readings(300).filter(({ device }) => device === 'sensor-00003')
  const changes = ofOne.slice(1).filter((reading, index) => reading.occupied !== ofOne[index]?.occupied)
  expect(changes).toHaveLength(20)
})
