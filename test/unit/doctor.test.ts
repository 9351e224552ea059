import { describe, expect, it } from 'vitest'
import { judgeConnack } from '../../src/cli/doctor/broker.ts'
import { judgeClock } from '../../src/cli/doctor/database.ts'
import { look, ok } from '../../src/cli/doctor/finding.ts'
import { checkNode, judgeSpace } from '../../src/cli/doctor/machine.ts'
import { checkRunning } from '../../src/cli/doctor/running.ts'
import { BaywireError } from '../../src/errors.ts'

describe('what is judged by its size', () => {
  it.each([
    [0, 'ok'],
    [-999, 'ok'],
    [1500, 'warning'],
    [-9999, 'warning'],
    [10_000, 'problem'],
    [-3_600_000, 'problem'],
  ] as const)('a clock that differs by %i ms: %s', (differenceMs, state) => {
    const { state: judged, what } = judgeClock(differenceMs, 'DATABASE_URL')
    expect(judged).toBe(state)
    if (state !== 'ok') expect(what).toContain(differenceMs < 0 ? 'behind ours' : 'ahead of ours')
  })

  it.each([
    [6e9, 'ok'],
    [5e9, 'warning'],
    [1e9, 'problem'],
    [0, 'problem'],
  ] as const)('%i free bytes: %s', (bytes, state) => {
    expect(judgeSpace(bytes).state).toBe(state)
  })

  it.each([
    ['20.20.2', 'warning'],
    ['22.1.0', 'ok'],
    ['24.11.0', 'ok'],
  ] as const)('Node %s: %s', (version, state) => {
    expect(checkNode(version).state).toBe(state)
  })
})

describe('a broker’s answer', () => {
  const name = 'mqtt://broker'
  const judge = (properties: Parameters<typeof judgeConnack>[0]['properties']) =>
    judgeConnack({ sessionPresent: true, ...(properties && { properties }) }, { name, payloadBytes: 65_536 })

  it('without limits is well', () => {
    expect(judge(undefined).map(({ state }) => state)).toEqual(['ok'])
  })

  it('with limits that lose readings is not', () => {
    expect(judge({ maximumQoS: 0 })).toMatchObject([{ state: 'problem', what: expect.stringContaining('no QoS 1') }])
    expect(judge({ sessionExpiryInterval: 3600 })).toMatchObject([
      { state: 'warning', what: expect.stringContaining('keeps our session for 1.0 h only') },
    ])
    expect(judge({ maximumPacketSize: 1024 })).toMatchObject([{ state: 'warning' }])
  })
})

describe('a check', () => {
  it('that fails is a problem with the advice of its error, and no stack', async () => {
    const refusal = new BaywireError('no such thing', { advice: 'make it' })
    expect(await look('thing', () => Promise.reject(refusal))).toEqual([
      { check: 'thing', state: 'problem', what: 'no such thing', advice: 'make it' },
    ])
    const defect = new Error('first line\nsecond line')
    expect(await look('thing', () => Promise.reject(defect))).toMatchObject([{ state: 'problem', what: 'first line' }])
  })

  it('may find one thing or several', async () => {
    expect(await look('thing', () => ok('thing', 'a'))).toHaveLength(1)
    expect(await look('thing', () => [ok('thing', 'a'), ok('thing', 'b')])).toHaveLength(2)
  })
})

it('passes on what the running Baywire says of itself', () => {
  const postgres = { ok: true, detail: 'embedded' }
  expect(checkRunning({ postgres })).toMatchObject([{ state: 'ok', what: 'it is ready: postgres' }])
  expect(checkRunning({ postgres, ingest: { ok: false, detail: 'ENOSPC' } })).toMatchObject([
    { state: 'problem', what: 'ingest: ENOSPC' },
  ])
  expect(checkRunning(undefined)).toMatchObject([{ state: 'ok' }])
})
