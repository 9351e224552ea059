// Makes the passwords and the secret of compose.yaml, once, and writes for each service the files that it needs and no others:
//   node deploy/make-secrets.mjs [directory] [host:port of Postgres] [host:port of Mosquitto]
//
// All passwords lie in one file that appears complete or not at all; everything else is written from it at each run, so
// that a run that was cut short is mended by the next one. Mosquitto's `passwd` and `acl` are the exception: it does not
// start without them, so they are made where they are missing; what is there is `baywire mosquitto sync`'s.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writePrivateFile } from '../dist/cli/mosquitto/private-file.js'
import { accessList, passwordFile } from '../dist/mqtt/mosquitto-rules.js'
import { makeVerifier } from '../dist/store/credentials.js'

const [directory = '/secrets', database = 'postgres:5432', broker = 'mosquitto:1883'] = process.argv.slice(2)

// The group of the writer reads: Postgres and Baywire run as members of it.
const mode = 0o640

function write(name, text) {
  const path = join(directory, name)
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
  writeFileSync(`${path}.new`, `${text}\n`, { mode, flush: true })
  renameSync(`${path}.new`, path)
}

function passwords() {
  const path = join(directory, 'passwords', 'passwords.json')
  const kept = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
  // One that an older version did not have yet is made beside the others.
  const names = ['superuser', 'owner', 'api', 'ingest', 'broker', 'installation']
  const missing = names.filter((name) => kept[name] === undefined)
  if (missing.length === 0) return kept
  const made = missing.map((name) => [name, randomBytes(name === 'installation' ? 48 : 24).toString('base64url')])
  const all = { ...kept, ...Object.fromEntries(made) }
  write('passwords/passwords.json', JSON.stringify(all))
  return all
}

// Who Baywire is at Mosquitto: in its URL, and in the directory of `baywire mosquitto sync --user`.
const brokerUser = 'baywire'

async function writeBrokerFiles(brokerSecret) {
  const files = join(directory, 'broker')
  mkdirSync(files, { recursive: true, mode: 0o750 })
  await writePrivateFile(files, { name: `${brokerUser}.secret`, text: `${brokerSecret}\n` })
  const first = {
    acl: accessList({ own: [brokerUser], apps: [] }),
    passwd: passwordFile([{ username: brokerUser, verifier: await makeVerifier(brokerSecret) }]),
  }
  for (const [name, text] of Object.entries(first)) {
    if (!existsSync(join(files, name))) await writePrivateFile(files, { name, text })
  }
}

const secret = passwords()
const url = (login, password) => `postgres://${login}:${password}@${database}/parking`
const ingestUrl = url('baywire_ingest_login', secret.ingest)
const apiUrl = url('baywire_api_login', secret.api)

write('postgres/superuser.password', secret.superuser)
write('postgres/owner.password', secret.owner)
write('migrate/database-url', url('baywire_owner', secret.owner))
write('migrate/database-url-api', apiUrl)
write('migrate/database-url-ingest', ingestUrl)
write('migrate/secret', secret.installation)
write('api/database-url-api', apiUrl)
write('api/secret', secret.installation)
write('ingest/database-url-ingest', ingestUrl)
write('ingest/mqtt-url', `mqtt://${brokerUser}:${secret.broker}@${broker}`)
write('jobs/database-url-ingest', ingestUrl)
write('access/database-url-ingest', ingestUrl)
await writeBrokerFiles(secret.broker)
process.stdout.write(`secrets are in ${directory}\n`)
