import { newId } from '../ids.ts'
import type { DeadLetter } from '../store/dead-letters.ts'
import { countLoggedParts, readStoredMessages, type StoredMessage } from '../store/dead-message.ts'
import type { SystemTransaction } from '../store/transactions.ts'
import type { Message } from './message.ts'
import { receive } from './receive.ts'

/** A logged message that is taken up again, with those of its dead letters that are wanted. */
export interface Envelope {
  /** As it is decoded now, under the id that its redriven readings are logged under. */
  readonly message: Message
  readonly letters: readonly EnvelopeLetter[]
}

interface EnvelopeLetter {
  readonly letter: DeadLetter
  /** Places of the readings that it stands for. */
  readonly parts: readonly number[]
}

/** Takes messages up again through the door's own code, in the order of the letters. */
export async function takeUp(tx: SystemTransaction, letters: readonly DeadLetter[]): Promise<Envelope[]> {
  const groups = new Map<string, DeadLetter[]>()
  for (const letter of letters) groups.set(letter.id, [...(groups.get(letter.id) ?? []), letter])
  const stored = await readStoredMessages(
    tx,
    [...groups.values()].flatMap(([first]) => first ?? []),
  )
  const opened = [...groups].flatMap(([id, ofMessage]) => {
    const [first, message] = [ofMessage[0], stored.get(id)]
    return first === undefined || message === undefined ? [] : [{ message: decodeAgain(first, message), ofMessage }]
  })
  const unread = opened.flatMap(({ message, ofMessage }) =>
    message.parts.length > 1 ? ofMessage.filter(isUnread) : [],
  )
  const logged = await countLoggedParts(tx, unread)
  return opened.map(({ message, ofMessage }) => ({
    message,
    letters: ofMessage.map((letter) => ({
      letter,
      parts: [letter.part, ...(isUnread(letter) ? indexesFrom(logged.get(letter.id), message.parts.length) : [])],
    })),
  }))
}

function decodeAgain(
  { tenant, topic, receivedAt, delivery }: DeadLetter,
  { payload, redrivenId }: StoredMessage,
): Message {
  const again = {
    topic,
    payload,
    receivedAtMs: receivedAt,
    retained: delivery === 'retained',
    // The flag speaks of the delivery before it, which now is not the last one in the log.
    duplicate: false,
    acknowledge: () => {},
    giveUp: () => {},
  }
  const received = receive(again)
  const parts = typeof received !== 'string' && received.kind === 'readings' ? received.parts : []
  // The tenant is that of the log: a topic only says what its slug was.
  return { kind: 'readings', id: redrivenId ?? newId(), tenant, delivery: again, parts }
}

/** A message that could not be read at all was logged as one part: that stands for all that are found in it now. */
function isUnread({ part, outcome }: DeadLetter): boolean {
  return part === 0 && outcome === 'malformed'
}

function indexesFrom(first: number | undefined, length: number): number[] {
  return Array.from({ length: Math.max(0, length - (first ?? length)) }, (_, index) => (first ?? length) + index)
}
