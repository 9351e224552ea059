import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openAckLog } from '../../src/cli/simulate/ack-log.ts'
import type { Lane, Message } from '../../src/cli/simulate/message.ts'
import { run, type RunOptions } from '../../src/cli/simulate/run.ts'

const quiet = { window: 10, durationMs: Infinity, giveUpMs: 60_000, onAcknowledged: () => {}, onProgress: () => {} }

function messages(count: number): Message[] {
  return Array.from({ length: count }, (_, index) => ({
    payload: `${index}`,
    readings: [{ device: `d${index}`, seq: index + 1, atMs: 0, occupied: true }],
  }))
}

function laneOf(list: Message[], dueMs: number | ((index: number) => number) = 0): Lane {
  let next = 0
  return {
    nextDueMs: () => (next >= list.length ? undefined : typeof dueMs === 'number' ? dueMs : dueMs(next)),
    take: () => list[next++] ?? { payload: '', readings: [] },
  }
}

/** Acknowledges what and when it is told. */
class Broker {
  readonly sent: string[] = []
  readonly #waiting: (() => void)[] = []
  readonly sender = {
    publish: (payload: string) => {
      this.sent.push(payload)
      return new Promise<void>((resolve) => this.#waiting.push(resolve))
    },
  }
  acknowledge(count: number): void {
    for (const resolve of this.#waiting.splice(0, count)) resolve()
  }
}

test('a window bounds what is in flight, and everything is sent in order', async () => {
  const broker = new Broker()
  const running = run({ ...quiet, lanes: [{ lane: laneOf(messages(25)), sender: broker.sender }] })
  expect(broker.sent).toHaveLength(10)
  broker.acknowledge(3)
  await turn()
  expect(broker.sent).toHaveLength(13)
  while (broker.sent.length < 25) {
    broker.acknowledge(10)
    // oxlint-disable-next-line no-await-in-loop -- acknowledgements arrive one after the other
    await turn()
  }
  broker.acknowledge(10)
  expect(await running).toMatchObject({ published: 25, acknowledged: 25, readings: 25, gaveUp: false, missing: [] })
  expect(broker.sent).toEqual(messages(25).map(({ payload }) => payload))
})

test('without any acknowledgement it gives up, and says what is missing', async () => {
  const broker = new Broker()
  const running = run({
    ...quiet,
    window: 3,
    giveUpMs: 50,
    lanes: [{ lane: laneOf(messages(5)), sender: broker.sender }],
  })
  broker.acknowledge(1)
  const result = await running
  expect(result).toMatchObject({ acknowledged: 1, published: 4, gaveUp: true })
  expect(result.missing.map(({ payload }) => payload)).toEqual(['1', '2', '3'])
})

test('waiting for what is not due is not giving up', async () => {
  const broker = new Broker()
  const lane = laneOf(messages(2), (index) => index * 300)
  const running = run({ ...quiet, giveUpMs: 50, lanes: [{ lane, sender: { publish: async () => {} } }] })
  expect(await running).toMatchObject({ acknowledged: 2, gaveUp: false })
  expect(broker.sent).toEqual([])
})

test('nothing is begun after the duration', async () => {
  const lane = laneOf(messages(5), (index) => index * 100)
  const result = await run({ ...quiet, durationMs: 250, lanes: [{ lane, sender: { publish: async () => {} } }] })
  expect(result).toMatchObject({ published: 3, acknowledged: 3 })
})

test('an interrupt begins no more, and waits for what is in flight', async () => {
  const broker = new Broker()
  const interrupt = new AbortController()
  const lanes: RunOptions['lanes'] = [{ lane: laneOf(messages(50)), sender: broker.sender }]
  const running = run({ ...quiet, lanes, signal: interrupt.signal })
  interrupt.abort()
  broker.acknowledge(10)
  expect(await running).toMatchObject({ published: 10, acknowledged: 10, gaveUp: false })
})

test('a connection that is of no use any more ends the run', async () => {
  const sender = { publish: () => Promise.reject(new Error('refused')) }
  await expect(run({ ...quiet, lanes: [{ lane: laneOf(messages(3)), sender }] })).rejects.toThrow('refused')
})

test('the log of acknowledgements is appended to, and written before the loop turns twice', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'baywire-acks-'))
  const path = join(directory, 'acks')
  await writeFile(path, 'before\n')
  const log = openAckLog(path, { boot: 9, onError: () => {} })
  const [first, second] = messages(2)
  if (first !== undefined) log.add(first)
  await turn()
  expect(await readFile(path, 'utf8')).toBe('before\n{"device":"d0","boot":9,"seq":1}\n')
  if (second !== undefined) log.add(second)
  log.close()
  expect(await readFile(path, 'utf8')).toContain('{"device":"d1","boot":9,"seq":2}\n')
  await rm(directory, { recursive: true })
})

test('a log of acknowledgements that cannot be opened is refused', () => {
  expect(() => openAckLog('/nonexistent/acks', { boot: 1, onError: () => {} })).toThrow('--ack-log')
})
