import { usernameOf } from '../../mqtt/access.ts'
import { readingTopic } from '../../mqtt/topics.ts'
import { faultySensors } from './faults.ts'
import type { DemoOperator } from './operator.ts'
import type { Demo } from './seed.ts'

/** What to try next, to be printed when the demo runs: complete lines, to be copied. */
export function demoHints({
  demo,
  operator,
  httpUrl,
  mqtt,
}: {
  demo: Demo
  operator: DemoOperator
  /** Without a slash at its end. */
  httpUrl: string
  mqtt: { host: string; port: number }
}): string {
  const { tenant, spare, sites } = demo
  const spaces = sites.reduce((sum, site) => sum + site.spaces.length, 0)
  const api = `${httpUrl}/api/v1/public/${tenant}`
  const username = usernameOf({ tenant, kind: 'device', code: spare.device })
  const publish = [
    `mosquitto_pub -h ${mqtt.host} -p ${mqtt.port} -V mqttv311 -q 1`,
    `-i ${username} -u ${username} -P ${spare.secret}`,
    `-t ${readingTopic(tenant, spare.device)} -m '{"occupied": true}'`,
  ].join(' ')
  const faulty = Object.entries(faultySensors).map(([device, fault]) => `${device} (${fault})`)
  return `
The demo runs: ${spaces} spaces at ${sites.length} sites, ${spaces - 1} sensors, a few of them faulty.

Counts, and all spaces of a site:
  curl -s ${api}/availability
  curl -s ${api}/sites/${spare.site}/spaces

Be a sensor yourself: nobody knows about space ${spare.space} until its device speaks.
  ${publish}
  curl -s ${api}/sites/${spare.site}/spaces | tr '{' '\\n' | grep '"${spare.space}"'

Watch readings arrive, with what each one did, and look at the books:
  npx baywire tail --tenant ${tenant}
  npx baywire ledger --tenant ${tenant}

Faulty: ${faulty.join(', ')}.
The API is described at ${httpUrl}/openapi.json

Sign in at ${httpUrl}/ as ${operator.email} with ${operator.password}
(another password at each start of the demo)
`
}
