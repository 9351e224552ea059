/**
 * Where one MQTT packet ends and the next begins, read from the fixed header alone (MQTT 3.1.1, 2.2): enough
 * to bound a packet before it is buffered and to count publishes before they are handed on.
 */

export const packetType = { connect: 1, publish: 3, subscribe: 8, unsubscribe: 10, ping: 12 } as const

export interface FrameHeader {
  type: number
  headerBytes: number
  bodyBytes: number
}

/** Of any topic that is taken. */
export const mostTopicBytes = 256

/** A variable byte integer has at most four bytes, seven bits in each, the lowest first. */
const lengthBytes = 4

/** The header at `offset`: `incomplete` when more bytes are needed, `malformed` when the length has no end. */
export function readFrameHeader(bytes: Buffer, offset: number): FrameHeader | 'incomplete' | 'malformed' {
  const first = bytes[offset]
  if (first === undefined) return 'incomplete'
  const length = readLength(bytes, offset + 1)
  if (typeof length === 'string') return length
  return { type: first >> 4, headerBytes: 1 + length.bytes, bodyBytes: length.value }
}

/** A variable byte integer (MQTT 5, 1.5.5), and how many bytes it takes. */
function readLength(bytes: Buffer, offset: number): { value: number; bytes: number } | 'incomplete' | 'malformed' {
  let value = 0
  for (let index = 0; index < lengthBytes; index++) {
    const byte = bytes[offset + index]
    if (byte === undefined) return 'incomplete'
    value += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return { value, bytes: index + 1 }
  }
  return 'malformed'
}

export interface PublishHead {
  qos: number
  /** Of QoS 1 and 2. */
  messageId: number | undefined
}

/** What stands before the payload of the publish at `offset`, read without the rest of it; `malformed` where it is none. */
export function readPublishHead(
  bytes: Buffer,
  offset: number,
  { type, headerBytes, bodyBytes }: FrameHeader,
): PublishHead | 'incomplete' | 'malformed' {
  if (type !== packetType.publish) return 'malformed'
  const body = offset + headerBytes
  if (bytes.length < body + 2) return 'incomplete'
  const qos = ((bytes[offset] ?? 0) >> 1) & 3
  const topicBytes = bytes.readUInt16BE(body)
  const idAt = body + 2 + topicBytes
  if (qos === 3 || topicBytes > mostTopicBytes || idAt + 2 > body + bodyBytes) return 'malformed'
  if (qos === 0) return { qos, messageId: undefined }
  if (bytes.length < idAt + 2) return 'incomplete'
  return { qos, messageId: bytes.readUInt16BE(idAt) }
}

/** A PUBLISH (MQTT 3.1.1 and 5, 3.3), its properties left out. */
export interface Publish {
  topic: string
  payload: Buffer
  qos: number
  retain: boolean
  dup: boolean
  /** Of QoS 1 and 2; otherwise 0. */
  messageId: number
}

/** The PUBLISH that stands at `at` in whole; its payload is a view of `bytes`. That of MQTT 5 has properties. */
export function readPublish(
  bytes: Buffer,
  { at, header, version }: { at: number; header: FrameHeader; version: '3.1.1' | '5' },
): Publish | 'malformed' {
  const { headerBytes, bodyBytes } = header
  const flags = bytes[at] ?? 0
  const qos = (flags >> 1) & 3
  const body = at + headerBytes
  const end = body + bodyBytes
  if (qos === 3 || bodyBytes < 2) return 'malformed'
  const idAt = body + 2 + bytes.readUInt16BE(body)
  const headEnd = qos === 0 ? idAt : idAt + 2
  if (headEnd > end) return 'malformed'
  const payloadAt = version === '5' ? behindProperties(bytes, headEnd) : headEnd
  if (payloadAt === undefined || payloadAt > end) return 'malformed'
  const messageId = qos === 0 ? 0 : bytes.readUInt16BE(idAt)
  const topic = bytes.toString('utf8', body + 2, idAt)
  const payload = bytes.subarray(payloadAt, end)
  return { topic, payload, qos, retain: (flags & 1) === 1, dup: (flags & 8) === 8, messageId }
}

/** Their length is a number of the same form as that of the packet. */
function behindProperties(bytes: Buffer, offset: number): number | undefined {
  const length = readLength(bytes, offset)
  return typeof length === 'string' ? undefined : offset + length.bytes + length.value
}
