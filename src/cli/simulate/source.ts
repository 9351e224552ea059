import { UsageError } from '../../errors.ts'
import { readCsv } from '../csv.ts'
import type { Lane } from './message.ts'
import { planLane, planRun } from './plan.ts'
import { readEvents, readStays, type RecordedReading } from './recorded.ts'
import { syntheticDevices, syntheticLanes } from './synthetic.ts'
import { timeParser } from './times.ts'

/** What is sent: a recorded log or made-up readings, as the options of the command describe them. */
export interface SourceOptions {
  batch: number
  gateways: number
  /** Synthetic. */
  spaces?: number | undefined
  rate?: number | 'max' | undefined
  duration?: number | undefined
  messages?: number | undefined
  /** Recorded. */
  csv?: string | undefined
  device?: string | undefined
  at?: string | undefined
  state?: string | undefined
  occupied?: string[] | undefined
  vacant?: string[] | undefined
  from?: string | undefined
  to?: string | undefined
  timezone?: string | undefined
  timeFormat?: string | undefined
  rebase?: boolean | undefined
  speed?: number | 'max' | undefined
  shuffle?: boolean | undefined
  repeat?: number | undefined
}

export interface Source {
  /** Codes of all devices that will speak. */
  devices: readonly string[]
  durationMs: number
  /** What each connection will send, beginning now. */
  lanes(start: { boot: number; now: () => number }): { lanes: readonly Lane[]; rebaseOffsetMs: number }
}

const recordedOnly = [
  'device',
  'at',
  'state',
  'occupied',
  'vacant',
  'from',
  'to',
  'timezone',
  'timeFormat',
  'rebase',
  'speed',
  'shuffle',
  'repeat',
] as const
const syntheticOnly = ['spaces', 'rate', 'duration', 'messages'] as const
const defaultSpaces = 100
const defaultRate = 100
const defaultDurationMs = 60_000

/** Judges everything that can be judged before anything is made or sent. */
export async function openSource(options: SourceOptions): Promise<Source> {
  return options.csv === undefined ? syntheticSource(options) : await recordedSource(options, options.csv)
}

function syntheticSource(options: SourceOptions): Source {
  refuse(options, recordedOnly, 'goes with --csv')
  const { batch, gateways, messages, spaces = defaultSpaces } = options
  const rate = options.rate ?? (messages === undefined ? defaultRate : 'max')
  return {
    devices: syntheticDevices(spaces),
    durationMs: options.duration ?? (messages === undefined ? defaultDurationMs : Infinity),
    lanes: ({ boot, now }) => ({
      lanes: syntheticLanes({
        spaces,
        lanes: Math.min(gateways, spaces),
        batch,
        boot,
        rate,
        messages: messages ?? Infinity,
        now,
      }),
      rebaseOffsetMs: 0,
    }),
  }
}

async function recordedSource(options: SourceOptions, path: string): Promise<Source> {
  refuse(options, syntheticOnly, 'does not go with --csv')
  const read = recordedReader(options)
  const recorded = read(await readCsv(path))
  const { batch, gateways, rebase = false, repeat = 1, speed = 'max' } = options
  const shuffle = options.shuffle === true ? Math.random : undefined
  return {
    devices: [...new Set(recorded.map(({ device }) => device))],
    durationMs: Infinity,
    lanes({ boot, now }) {
      const plan = planRun(recorded, { lanes: gateways, batch, boot, speed, rebase, repeat, shuffle, nowMs: now() })
      return { lanes: plan.lanes.map(planLane), rebaseOffsetMs: plan.rebaseOffsetMs }
    },
  }
}

type ReadLog = (file: Awaited<ReturnType<typeof readCsv>>) => RecordedReading[]

/** An event log or a log of stays, whichever columns are named; nothing is read yet. */
function recordedReader(options: SourceOptions): ReadLog {
  const parseTime = timeParser({ timezone: options.timezone, format: options.timeFormat })
  const device = need(options.device, '--device')
  if (options.from !== undefined || options.to !== undefined) {
    refuse(options, ['at', 'state', 'occupied', 'vacant'], 'does not go with --from and --to')
    const columns = { device, from: need(options.from, '--from'), to: need(options.to, '--to') }
    return (file) => readStays(file, columns, parseTime)
  }
  const columns = {
    device,
    at: need(options.at, '--at'),
    state: need(options.state, '--state'),
    occupied: need(options.occupied, '--occupied'),
    vacant: need(options.vacant, '--vacant'),
  }
  const both = columns.occupied.find((value) => columns.vacant.includes(value))
  if (both !== undefined) throw new UsageError(`--occupied and --vacant both name "${both}"`)
  return (file) => readEvents(file, columns, parseTime)
}

function need<T>(value: T | undefined, option: string): T {
  if (value !== undefined) return value
  throw new UsageError(
    `${option}: is missing`,
    'with --csv give --device, --at, --state, --occupied and --vacant, or --device, --from and --to',
  )
}

function refuse(options: SourceOptions, names: readonly (keyof SourceOptions)[], reason: string): void {
  const given = names.find((name) => options[name] !== undefined)
  if (given === undefined) return
  throw new UsageError(`--${given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}: ${reason}`)
}
