/** Where an MQTT broker is, and how a failure to get there is put into words that show no password. */
import type { IClientOptions } from 'mqtt'

/** The parts of an `mqtt:` or `mqtts:` URL as mqtt.js takes them; user name and password are percent-decoded. */
export function brokerAddress(url: string): IClientOptions {
  const { protocol, hostname, port, username, password } = new URL(url)
  return {
    protocol: protocol === 'mqtts:' ? 'mqtts' : 'mqtt',
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port) || (protocol === 'mqtts:' ? 8883 : 1883),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  }
}

/** The URL without user name and password. */
export function brokerName(url: string): string {
  const { protocol, host } = new URL(url)
  return `${protocol}//${host}`
}

export interface ConnectFailure {
  /** `refused`: the broker knows us not, or not with this password. Trying again does not help. */
  kind: 'refused' | 'unreachable'
  reason: string
}

/** Codes of CONNACK that say that the credential is wrong: MQTT 3.1.1 (4, 5) and MQTT 5 (134, 135, 138). */
const credentialCodes = new Set([4, 5, 134, 135, 138])
const systemReasons: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
  EPROTO: 'it does not speak TLS on this port, or not in a version that is safe',
}
/** Nobody whom this program trusts has signed what the broker shows. */
const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

export function connectFailure(error: Error | undefined): ConnectFailure {
  if (error === undefined) return { kind: 'unreachable', reason: 'the connection was closed without an answer' }
  const code = 'code' in error ? error.code : undefined
  if (typeof code === 'number' && credentialCodes.has(code)) {
    return { kind: 'refused', reason: 'the broker refused the user name or password' }
  }
  if (code === 1 || code === 132) return { kind: 'unreachable', reason: 'the broker speaks another version of MQTT' }
  if (untrusted.has(String(code))) {
    return {
      kind: 'unreachable',
      reason: 'its certificate is signed by nobody known here; name the file of its authority in NODE_EXTRA_CA_CERTS',
    }
  }
  return { kind: 'unreachable', reason: systemReasons[String(code)] ?? error.message }
}
