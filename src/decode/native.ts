import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'
import { codePattern } from '../ids.ts'
import type { DecodedPart } from './decoded.ts'
import { parseEpoch, parseRfc3339 } from './time.ts'

/**
 * Baywire's own JSON (DESIGN.md section 3): a device's reading, a gateway's readings. Only `occupied` is required;
 * a field that is present must have its type; unknown fields are let through, since devices send more than we read.
 */
export const mostReadingsPerMessage = 500

export function decodeReading(device: string, payload: Buffer): DecodedPart {
  const parsed = parseObject(payload)
  if (typeof parsed === 'string') return { ok: false, device, reason: parsed }
  return decodeFields(device, parsed, () => digest(payload))
}

/** One part per reading; a message that is not readable at all, or too long, is one malformed part. */
export function decodeReadings(payload: Buffer): DecodedPart[] {
  const parsed = parseObject(payload)
  if (typeof parsed === 'string') return [{ ok: false, device: null, reason: parsed }]
  const { readings } = parsed
  if (!Array.isArray(readings)) return [{ ok: false, device: null, reason: 'readings: must be an array' }]
  if (readings.length === 0 || readings.length > mostReadingsPerMessage) {
    const reason = `readings: must have 1 to ${mostReadingsPerMessage} entries, not ${readings.length}`
    return [{ ok: false, device: null, reason }]
  }
  return readings.map((part: unknown, index) => decodePart(part, () => digestPart(part, payload, index)))
}

function decodePart(part: unknown, content: () => number): DecodedPart {
  if (!isObject(part)) return { ok: false, device: null, reason: 'reading: must be an object' }
  const { device } = part
  if (typeof device !== 'string' || !codePattern.test(device)) {
    return { ok: false, device: null, reason: 'device: must be a code of 1 to 64 of A-Z a-z 0-9 . _ ~ -' }
  }
  return decodeFields(device, part, content)
}

function decodeFields(device: string, fields: Record<string, unknown>, content: () => number): DecodedPart {
  const { occupied } = fields
  if (typeof occupied !== 'boolean') return malformed(device, 'occupied: must be true or false')
  const at = decodeTime(fields['at'])
  if (at === undefined)
    return malformed(device, 'at: must be an RFC 3339 time, or epoch seconds or milliseconds, from 1970 to 9999')
  const sent = fields['seq'] ?? null
  if (sent !== null && !isCount(sent)) return malformed(device, 'seq: must be a whole number from 0 to 2^53-1')
  // JSON has a negative zero, which is another number to Object.is and the same one to a database.
  const counter = sent === null ? null : sent + 0
  const session = decodeSession(fields['boot'])
  if (session === undefined) return malformed(device, 'boot: must be a whole number from 0 to 2^53-1, or a code')
  const wrong = wrongDetail(fields)
  if (wrong !== undefined) return malformed(device, wrong)
  return {
    ok: true,
    device,
    reading:
      fields['kind'] === 'heartbeat'
        ? { occupied, at, session, counter, heartbeat: true }
        : { occupied, at, session, counter },
    content: counter === null ? content() : null,
  }
}

function malformed(device: string, reason: string): DecodedPart {
  return { ok: false, device, reason }
}

/** null where no time was sent, undefined where it is not one. */
function decodeTime(value: unknown): number | null | undefined {
  if (value === undefined || value === null) return null
  if (typeof value === 'number') return parseEpoch(value)
  return typeof value === 'string' ? parseRfc3339(value) : undefined
}

function decodeSession(value: unknown): string | null | undefined {
  if (value === undefined || value === null) return null
  if (isCount(value)) return String(value)
  return typeof value === 'string' && codePattern.test(value) ? value : undefined
}

/** Fields that we keep in the payload only, but whose wrong type says that the sender means something else. */
function wrongDetail({ kind, battery, rssi }: Record<string, unknown>): string | undefined {
  if (kind !== undefined && kind !== null && kind !== 'change' && kind !== 'heartbeat')
    return 'kind: must be change or heartbeat'
  if (battery !== undefined && battery !== null && typeof battery !== 'number') return 'battery: must be a number'
  if (rssi !== undefined && rssi !== null && typeof rssi !== 'number') return 'rssi: must be a number'
  return undefined
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The JSON object in a payload, or why there is none. V8 parses without recursion: depth cannot overflow the stack. */
function parseObject(payload: Buffer): Record<string, unknown> | string {
  if (!isUtf8(payload)) return 'payload: is not UTF-8'
  let value: unknown
  try {
    value = JSON.parse(payload.toString('utf8'))
  } catch {
    return 'payload: is not JSON'
  }
  return isObject(value) ? value : 'payload: must be a JSON object'
}

/** 52 bits of SHA-1: it tells the readings of one device at one time apart, no more. */
function digest(data: Buffer | string): number {
  return Number.parseInt(hash('sha1', data, 'hex').slice(0, 13), 16)
}

function digestPart(part: unknown, payload: Buffer, index: number): number {
  try {
    return digest(JSON.stringify(part))
  } catch {
    // Unlike parsing, writing recurses: a part nested too deep for it is told apart by its message and place.
    return digest(`${index} ${payload.toString('base64')}`)
  }
}
