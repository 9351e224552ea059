import type { Clock } from '../../clock.ts'
import type { Said, Sensor } from './sensors.ts'

/** Sensors of the demo that do not behave, so that one can see what becomes of it. */
export type Fault =
  | 'silent'
  | 'clock ahead'
  | 'clock running backwards'
  | 'malformed'
  | 'sends twice'
  | 'flapping'
  | 'strangers beside it'

/** Which ones: printed as hints, so that they can be looked for. */
export const faultySensors: Readonly<Record<string, Fault>> = {
  'harbour-P2-31': 'silent',
  'harbour-P2-32': 'flapping',
  'harbour-P1-30': 'clock ahead',
  'harbour-P1-31': 'clock running backwards',
  'harbour-P1-32': 'sends twice',
  'market-M47': 'malformed',
  'market-M48': 'strangers beside it',
}

export function faultOf(device: string): Fault | undefined {
  return faultySensors[device]
}

interface FaultySensor {
  sensor: Sensor
  read: (sensor: Sensor) => Said
  /** Sends readings in a well-formed message. */
  say: (...readings: Said[]) => void
  /** Sends anything. */
  send: (payload: string) => void
  clock: Clock
}

const aheadMs = 2 * 3_600_000
const backwardsStepMs = 60_000

/** What it does over and over, and undefined for one that does nothing. */
export function startFault(fault: Fault, faulty: FaultySensor): NodeJS.Timeout | undefined {
  const { sensor, read, say, send, clock } = faulty
  const flip = () => {
    sensor.occupied = !sensor.occupied
    return read(sensor)
  }
  switch (fault) {
    case 'silent':
      return undefined
    case 'clock ahead':
      return setInterval(() => say({ ...flip(), at: timeOf(clock.now() + aheadMs) }), 7000)
    case 'clock running backwards': {
      const startMs = clock.now()
      return setInterval(() => say({ ...flip(), at: timeOf(startMs - sensor.seq * backwardsStepMs) }), 7000)
    }
    case 'malformed': {
      let turn = 0
      const wrong = [
        () => say({ ...read(sensor), occupied: 'yes' }),
        () => say({ ...read(sensor), at: 'yesterday' }),
        () => send(`{"readings": [{"device": "${sensor.device}", "occup`),
      ]
      return setInterval(() => wrong[turn++ % wrong.length]?.(), 5000)
    }
    case 'sends twice':
      return setInterval(() => {
        const reading = flip()
        say(reading)
        say(reading)
      }, 7000)
    case 'flapping':
      return setInterval(() => say(flip()), 1000)
    case 'strangers beside it':
      return setInterval(() => say(flip(), { device: 'stranger-1', occupied: sensor.occupied }), 10_000)
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
