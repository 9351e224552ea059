/** What a device said of itself beside its reading, in Baywire's own JSON. */
export interface ReadingDetails {
  /** Percent. */
  battery: number | null
  /** dBm. */
  rssi: number | null
}

/** @param payload of a whole message, logged and so decoded before; of one of many readings, `part` tells which */
export function decodeDetails(payload: string | null, part: number): ReadingDetails {
  const message = payload === null ? undefined : parsed(payload)
  const parts = fieldOf(message, 'readings')
  const reading: unknown = Array.isArray(parts) ? parts[part] : message
  return { battery: numberOr(fieldOf(reading, 'battery')), rssi: numberOr(fieldOf(reading, 'rssi')) }
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch {
    return undefined
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

function numberOr(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}
