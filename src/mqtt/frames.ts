/**
 * Where one MQTT packet ends and the next begins, read from the fixed header alone (MQTT 3.1.1, 2.2): enough
 * to bound a packet before it is buffered and to count publishes before they are handed on.
 */

export const packetType = { connect: 1, publish: 3 } as const

export interface FrameHeader {
  type: number
  headerBytes: number
  bodyBytes: number
}

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
