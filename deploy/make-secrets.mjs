// Makes the passwords of compose.yaml, once, and writes for each service the files that it needs and no others:
//   node deploy/make-secrets.mjs [directory] [host:port of Postgres] [host:port of Mosquitto]
//
// All passwords lie in one file that appears complete or not at all; everything else is written from it at each run, so
// that a run that was cut short is mended by the next one. Mosquitto's two files are the exception: they are made
// only where they are missing, since devices are added to them later.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeVerifier } from '../dist/store/credentials.js'

const [directory = '/secrets', database = 'postgres:5432', broker = 'mosquitto:1883'] = process.argv.slice(2)

// The group of the writer reads: Postgres and Mosquitto run as members of it.
const mode = 0o640

function write(name, text) {
  const path = join(directory, name)
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
  writeFileSync(`${path}.new`, `${text}\n`, { mode, flush: true })
  renameSync(`${path}.new`, path)
}

function passwords() {
  const path = join(directory, 'passwords', 'passwords.json')
  if (!existsSync(path)) {
    const names = ['superuser', 'owner', 'api', 'ingest', 'broker']
    const made = names.map((name) => [name, randomBytes(24).toString('base64url')])
    write('passwords/passwords.json', JSON.stringify(Object.fromEntries(made)))
  }
  return JSON.parse(readFileSync(path, 'utf8'))
}

// The lines that mosquitto.conf itself names: who may do what.
function accessList() {
  const configuration = readFileSync(new URL('../mosquitto.conf', import.meta.url), 'utf8')
  return configuration
    .split('\n')
    .flatMap((line) => /^# acl> (.*)$/.exec(line)?.[1] ?? [])
    .join('\n')
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
write('api/database-url-api', apiUrl)
write('ingest/database-url-ingest', ingestUrl)
write('ingest/mqtt-url', `mqtt://baywire:${secret.broker}@${broker}`)
write('jobs/database-url-ingest', ingestUrl)
if (!existsSync(join(directory, 'broker', 'baywire.acl'))) write('broker/baywire.acl', accessList())
if (!existsSync(join(directory, 'broker', 'baywire.passwd'))) {
  write('broker/baywire.passwd', `baywire:${await makeVerifier(secret.broker)}`)
}
process.stdout.write(`secrets are in ${directory}\n`)
