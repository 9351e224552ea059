import type { Gateway } from './gateway.ts'

/** Of every load: 50 gateways with 100 devices each. */
export const fleetSize = { gateways: 50, devices: 5000 }
/** Readings that one gateway has in flight. */
export const windowReadings = 200

/** The gateways of a tenant, which share its devices evenly; `secretOf` is asked once for each, in order. */
export async function fleetOf(tenant: string, secretOf: (gateway: string) => Promise<string>): Promise<Gateway[]> {
  const boot = Math.floor(Date.now() / 1000)
  const devices = deviceCodes()
  const gateways: Gateway[] = []
  for (const [index, code] of gatewayCodes().entries()) {
    gateways.push({
      username: `${tenant}/gateways/${code}`,
      // oxlint-disable-next-line no-await-in-loop -- one after the other: it may be a statement of a transaction
      secret: await secretOf(code),
      topic: `parking/v1/${tenant}/gateways/${code}/readings`,
      devices: devices.filter((_, device) => device % fleetSize.gateways === index),
      boot,
    })
  }
  return gateways
}

export function gatewayCodes(): string[] {
  return codes('gateway', fleetSize.gateways)
}

export function deviceCodes(): string[] {
  return codes('sensor', fleetSize.devices)
}

/** Of one length, in order. */
function codes(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${String(index + 1).padStart(5, '0')}`)
}
