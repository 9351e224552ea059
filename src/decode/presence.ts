/** What a status topic says: `online` or `offline`, as plain text. Undefined for anything else. */
export function decodePresence(payload: Buffer): 'online' | 'offline' | undefined {
  const text = payload.length <= 16 ? payload.toString('utf8').trim() : ''
  return text === 'online' || text === 'offline' ? text : undefined
}
