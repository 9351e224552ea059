import type { Device, Gateway } from './types.ts'

/** As the dashboard counts them. */
export const lowBatteryPercent = 20
/** What most radios need to be heard well. */
const weakSignalDbm = -110

export function isBatteryLow({ battery }: Pick<Device, 'battery'>): boolean {
  return battery !== null && battery < lowBatteryPercent
}

/** Whether it is heard; by words and signs, not by colour alone. */
export function DeviceStateMark({ device: { silent, presence } }: { device: Pick<Device, 'silent' | 'presence'> }) {
  return (
    <span class="marks">
      {silent === null ? (
        <span class="mark mark-warning" title="what it says belongs to no space">
          Stands nowhere
        </span>
      ) : silent ? (
        <span class="mark mark-danger" title="its space was not heard of for longer than its policy allows, or never">
          Silent
        </span>
      ) : (
        <span class="mark mark-good">Heard</span>
      )}
      {presence === 'offline' ? <Offline /> : null}
    </span>
  )
}

export function GatewayStateMark({ gateway: { presence } }: { gateway: Pick<Gateway, 'presence'> }) {
  if (presence === 'offline') return <Offline />
  if (presence === 'online') return <span class="mark mark-good">Online</span>
  return (
    <span class="mark" title="its status topic was never spoken on">
      Not known
    </span>
  )
}

function Offline() {
  return (
    <span class="mark mark-danger" title="what its status topic last said">
      Offline
    </span>
  )
}

export function Battery({ device }: { device: Pick<Device, 'battery'> }) {
  const { battery } = device
  if (battery === null) return <NotSaid />
  const percent = `${Math.round(battery)} %`
  return isBatteryLow(device) ? <span class="mark mark-danger">Low: {percent}</span> : <>{percent}</>
}

export function Signal({ device: { rssi } }: { device: Pick<Device, 'rssi'> }) {
  if (rssi === null) return <NotSaid />
  const level = `${Math.round(rssi)} dBm`
  return rssi < weakSignalDbm ? <span class="mark mark-warning">Weak: {level}</span> : <>{level}</>
}

function NotSaid() {
  return (
    <span class="none" title="its newest reading did not say, or came with others in one message">
      –
    </span>
  )
}
