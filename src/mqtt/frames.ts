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

/** A remaining length has at most four bytes, seven bits in each, the lowest first. */
const lengthBytes = 4

/** The header at `offset`: `incomplete` when more bytes are needed, `malformed` when the length has no end. */
export function readFrameHeader(bytes: Buffer, offset: number): FrameHeader | 'incomplete' | 'malformed' {
  const first = bytes[offset]
  if (first === undefined) return 'incomplete'
  let bodyBytes = 0
  for (let index = 0; index < lengthBytes; index++) {
    const byte = bytes[offset + 1 + index]
    if (byte === undefined) return 'incomplete'
    bodyBytes += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return { type: first >> 4, headerBytes: index + 2, bodyBytes }
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
