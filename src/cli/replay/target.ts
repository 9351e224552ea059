import { randomBytes } from 'node:crypto'
import { UsageError } from '../../errors.ts'
import { parseUsername } from '../../mqtt/access.ts'
import { brokerAddress } from '../../mqtt/address.ts'
import { connectPublisher, type Publisher } from '../../mqtt/publisher.ts'

/** Where messages are published again. */
export interface Target {
  readonly url: string
  /** In front of each topic; empty where they are the live ones. */
  readonly prefix: string
}

const wildcards = /[+#\0]/
const mostPrefixCharacters = 1000

/** @throws UsageError for what is no broker, and for live topics that nobody asked for */
export function targetOf(
  url: string,
  { prefix = 'replay/', live = false }: { prefix?: string | undefined; live?: boolean | undefined },
): Target {
  if (!/^mqtts?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
    throw new UsageError('--to-mqtt: must be a URL such as mqtt://user:password@host:1883')
  }
  if (live) return { url, prefix: '' }
  if (prefix === '') {
    throw new UsageError('--prefix: is empty, so the topics would be the live ones', 'that takes --live')
  }
  if (wildcards.test(prefix) || prefix.startsWith('$') || prefix.length > mostPrefixCharacters) {
    throw new UsageError(
      '--prefix: must be the beginning of a topic, as replay/',
      '+, # and $ mean something else there',
    )
  }
  return { url, prefix }
}

/** Longest pause before a lost broker is tried again: a run is waiting for it. */
const retryMaxMs = 1000
const window = 200

export async function connectTarget({ url }: Target): Promise<Publisher> {
  const { username = '', password = '' } = brokerAddress(url)
  // A device or gateway is known by its user name as client id; whoever else must not take somebody's place.
  const clientId = parseUsername(username) === undefined ? `replay-${randomBytes(6).toString('hex')}` : username
  return await connectPublisher({ url, username, secret: String(password), clientId, window, retryMaxMs })
}
