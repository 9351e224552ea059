import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const bytesPerId = 16
/** Random bytes are asked for a thousand ids at a time: asking costs as much as the rest of an id. */
const pool = Buffer.alloc(1000 * bytesPerId)
let used = pool.length
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
  used += bytesPerId
  const now = Date.now()
  if (now > msecs) {
    msecs = now
    // Begins anywhere in the lower half, so that there is room to count on.
    seq = pool.readUInt32BE(used - bytesPerId) >>> 1
  } else {
    seq += 1
  }
  return v7({ random: pool.subarray(used - bytesPerId, used), msecs, seq })
}

/** Codes of tenants, sites, spaces, devices and gateways: they are levels of a topic and parts of a URL. */
export const codePattern = /^[A-Za-z0-9._~-]{1,64}$/
