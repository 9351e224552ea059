import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const bytesPerId = 16
/** Random bytes are asked for a thousand ids at a time: asking costs as much as the rest of an id. */
const pool = Buffer.alloc(1000 * bytesPerId)
let used = pool.length
/** Those of the next id. */
const random = Buffer.alloc(bytesPerId)
let msecs = 0
let seq = 0

/**
 * A new UUIDv7: ordered by creation within this process, so that an index on it grows at one end and rows of one
 * millisecond keep their order (RFC 9562, 6.2, method 1).
 */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  pool.copy(random, 0, used, (used += bytesPerId))
  const now = Date.now()
  if (now > msecs) {
    msecs = now
    // Begins anywhere in the lower half, so that there is room to count on.
    seq = random.readUInt32BE() >>> 1
  } else {
    seq += 1
  }
  return textOf(v7({ random, msecs, seq }, bytes))
}

const bytes = new Uint8Array(bytesPerId)
const text = Buffer.alloc(36, '-')
const digits = Buffer.from('0123456789abcdef')
/** Where the digits of each byte stand, between the hyphens. */
const places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]

/** As uuid's own `stringify`, which puts it together from twenty pieces: there is an id for each message. */
function textOf(id: Uint8Array): string {
  for (let index = 0; index < bytesPerId; index++) {
    const byte = id[index] ?? 0
    const place = places[index] ?? 0
    text[place] = digits[byte >> 4] ?? 0
    text[place + 1] = digits[byte & 15] ?? 0
  }
  return text.toString('latin1')
}

/** Codes of tenants, sites, spaces, devices and gateways: they are levels of a topic and parts of a URL. */
export const codePattern = /^[A-Za-z0-9._~-]{1,64}$/
