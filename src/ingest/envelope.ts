import { newId } from '../ids.ts'
import type { DeadLetter } from '../store/dead-letters.ts'
import type { StoredMessage } from '../store/dead-message.ts'
import type { Message } from './message.ts'
import { receive } from './receive.ts'

/** A logged message that is taken up again, with those of its dead letters that are wanted. */
export interface Envelope {
  readonly tenantId: string
  /** Of the message as it was logged. */
  readonly id: string
  /** As it is decoded now, under the id that its redriven readings are logged under. */
  readonly message: Message
  readonly letters: readonly { readonly letter: DeadLetter; readonly parts: readonly number[] }[]
}

/** Takes messages up again through the door's own code, in the order of the letters. */
export function envelopesOf(letters: readonly DeadLetter[], messages: ReadonlyMap<string, StoredMessage>): Envelope[] {
  const byMessage = new Map<string, DeadLetter[]>()
  for (const letter of letters) byMessage.set(letter.id, [...(byMessage.get(letter.id) ?? []), letter])
  return [...byMessage.values()].flatMap((ofMessage) => {
    const [first] = ofMessage
    const stored = messages.get(first?.id ?? '')
    return first === undefined || stored === undefined ? [] : [takeUp(first, { ofMessage, stored })]
  })
}

function takeUp(
  { tenantId, tenant, id, topic, receivedAt, delivery }: DeadLetter,
  { ofMessage, stored }: { ofMessage: readonly DeadLetter[]; stored: StoredMessage },
): Envelope {
  const redrivenId = stored.redrivenId ?? newId()
  const again = {
    topic,
    payload: stored.payload,
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
  const message = { kind: 'readings', id: redrivenId, tenant, delivery: again, parts } as const
  return {
    tenantId,
    id,
    message,
    letters: ofMessage.map((letter) => ({
      letter,
      parts: partsOf(letter, { logged: stored.parts, decoded: parts.length }),
    })),
  }
}

/** A message that was not readable at all was logged as one part: it stands for all that are found in it now. */
function partsOf({ part }: DeadLetter, { logged, decoded }: { logged: number; decoded: number }): number[] {
  if (part !== 0) return [part]
  return [0, ...Array.from({ length: Math.max(0, decoded - logged) }, (_, index) => logged + index)]
}
