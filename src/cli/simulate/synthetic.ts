import { encodeReading, makeMessage, type Lane, type NumberedReading } from './message.ts'

/**
 * Readings that nobody recorded: devices speak in turn, each numbering its own readings from 1, and a fifth of
 * all readings change the state of their space. A reading is made when it is sent, and says now.
 */
export interface SyntheticOptions {
  spaces: number
  /** At most as many as there are spaces. */
  lanes: number
  batch: number
  boot: number
  /** Readings a second over all lanes, or as fast as they are acknowledged. */
  rate: number | 'max'
  messages: number
  now: () => number
}

const changesEvery = 5
const codeDigits = 5

export function syntheticDevices(spaces: number): string[] {
  return Array.from({ length: spaces }, (_, index) => `sim-${String(index + 1).padStart(codeDigits, '0')}`)
}

export function syntheticLanes(options: SyntheticOptions): Lane[] {
  const devices = syntheticDevices(options.spaces)
  return Array.from({ length: options.lanes }, (_, lane) => {
    const own = devices.filter((_device, index) => index % options.lanes === lane)
    return syntheticLane(own, shareOf(options.messages, lane, options.lanes), options)
  })
}

function shareOf(messages: number, lane: number, lanes: number): number {
  if (messages === Infinity) return Infinity
  return Math.floor(messages / lanes) + (lane < messages % lanes ? 1 : 0)
}

function syntheticLane(devices: readonly string[], messages: number, options: SyntheticOptions): Lane {
  const { lanes, batch, boot, rate, now } = options
  const intervalMs = rate === 'max' ? 0 : (1000 * batch * lanes) / rate
  let taken = 0
  return {
    nextDueMs: () => (taken < messages ? taken * intervalMs : undefined),
    take() {
      const atMs = now()
      const readings = Array.from({ length: batch }, (_, part) => makeReading(devices, taken * batch + part, atMs))
      taken++
      return makeMessage(
        readings,
        readings.map((reading) => encodeReading(reading, boot)),
      )
    },
  }
}

/** The n-th reading of a lane. Neighbours change in different rounds, and begin with different states. */
function makeReading(devices: readonly string[], n: number, atMs: number): NumberedReading {
  const place = n % devices.length
  const round = Math.floor(n / devices.length)
  const changes = Math.floor((round + (place % changesEvery)) / changesEvery)
  return { device: devices[place] ?? '', seq: round + 1, atMs, occupied: (place + changes) % 2 === 1 }
}
