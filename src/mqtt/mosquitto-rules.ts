/**
 * The password file and the access list of a Mosquitto that serves Baywire: the rules of `access.ts` in Mosquitto's
 * own terms, which docs/mosquitto.md compares. Names hold no `+`, `#`, `/` beyond their own levels, nor a line's end
 * (`codePattern`); Mosquitto itself refuses `+` and `#` in a name before it puts it into a pattern.
 */
import {
  availabilityTopic,
  commandTopic,
  readingsTopic,
  readingTopic,
  ackTopic,
  stateTopic,
  statusTopic,
} from './topics.ts'

export interface BrokerUser {
  username: string
  /** In the form of Mosquitto's password file. */
  verifier: string
}

export interface BrokerApp {
  tenant: string
  code: string
}

const header = '# Written by `baywire mosquitto sync`. What is changed here is overwritten.'

/** One user a line; without any, Mosquitto lets nobody in. */
export function passwordFile(users: readonly BrokerUser[]): string {
  return lines([header, ...users.map(({ username, verifier }) => `${username}:${verifier}`)])
}

/**
 * What is not named is refused. A device and a gateway need no lines of their own: `%u` is their user name, and so the
 * middle of their topics. Patterns hold for every user; an app is therefore denied what lies under its own name.
 */
export function accessList({ own, apps }: { own: readonly string[]; apps: readonly BrokerApp[] }): string {
  return lines([header, ...speakerRules, ...own.flatMap(ownRules), ...apps.flatMap(appRules)])
}

const speakerRules = [
  'pattern write parking/v1/%u/reading',
  'pattern write parking/v1/%u/readings',
  'pattern write parking/v1/%u/status',
  'pattern write parking/v1/%u/ack',
  'pattern read parking/v1/%u/command',
]

/** A process of Baywire's own reads what is sent to it and publishes what it has to say: nobody's reading among it. */
function ownRules(username: string): string[] {
  const read = [
    readingTopic('+', '+'),
    readingsTopic('+', '+'),
    statusTopic('+', 'device', '+'),
    statusTopic('+', 'gateway', '+'),
    ackTopic('+', '+'),
  ]
  const write = [
    commandTopic('+', 'device', '+'),
    commandTopic('+', 'gateway', '+'),
    stateTopic('+', '+', '+'),
    availabilityTopic('+', '+'),
  ]
  return [
    `user ${username}`,
    ...read.map((filter) => `topic read ${filter}`),
    ...write.map((filter) => `topic write ${filter}`),
    `topic readwrite ${drainedTopic(username)}`,
  ]
}

function appRules({ tenant, code }: BrokerApp): string[] {
  return [
    `user ${tenant}/apps/${code}`,
    `topic deny parking/v1/${tenant}/apps/${code}/#`,
    `topic read ${stateTopic(tenant, '+', '+')}`,
    `topic read ${availabilityTopic(tenant, '+')}`,
  ]
}

/** Where a process that leaves its session for good tells itself that it has read all that waited in it. */
export function drainedTopic(username: string): string {
  return `baywire/${username}/drained`
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
