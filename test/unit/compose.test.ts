import { existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describe, expect, it } from 'vitest'
import { settings } from '../../src/config.ts'
import { isOurs, projectRoot, readCompose } from '../support/compose.ts'
import { misuse } from '../e2e/support/grammar.ts'

/** compose.yaml and Dockerfile, as far as they can be checked where no container runs. */
const { services, networks, volumes } = readCompose()
const all = Object.entries(services)
const ours = all.filter(([, service]) => isOurs(service))
const lasting = all.filter(([, { restart }]) => restart !== undefined)

describe.each(all)('service %s', (_, service) => {
  it('runs a pinned image as an ordinary user, with nothing to write to and no capabilities', () => {
    expect(service.image).toMatch(/:\d/)
    expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
  })

  it('has limits for memory, processors and logs', () => {
    expect(service.deploy?.resources.limits).toBeDefined()
    expect(service.logging?.options).toEqual({ 'max-size': '10m', 'max-file': '5' })
  })

  it('names networks, volumes and services that there are', () => {
    expect(service.networks.filter((name) => !(name in networks))).toEqual([])
    const sources = service.volumes.map((volume) => volume.split(':')[0] ?? '')
    expect(
      sources.filter((name) => !(name.startsWith('./') ? existsSync(projectRoot + name) : name in volumes)),
    ).toEqual([])
    expect(Object.keys(service.depends_on).filter((name) => !(name in services))).toEqual([])
  })

  it('finds its secrets in a volume of its own, read-only', () => {
    const files = Object.entries(service.environment).filter(([name]) => name.endsWith('_FILE'))
    for (const [, path] of files) {
      const mount = service.volumes.find((volume) => path.startsWith(`${volume.split(':')[1]}/`))
      expect(mount, path).toMatch(/:ro$/)
    }
    const texts = Object.values(service.environment).filter((value) => /:\/\/|password=/i.test(value))
    expect(texts).toEqual([])
  })
})

describe.each(ours)('service %s of ours', (name, service) => {
  it('is given settings that there are', () => {
    const known = Object.entries(settings).flatMap(([setting, { ...about }]) =>
      'secret' in about ? [setting, `${setting}_FILE`] : [setting],
    )
    expect(Object.keys(service.environment).filter((setting) => !known.includes(setting))).toEqual([])
  })

  it('calls a command that there is', async () => {
    if (service.entrypoint === undefined) expect(await misuse(service.command ?? [])).toBeUndefined()
    else expect(existsSync(service.entrypoint[1]?.replace('/app/', projectRoot) ?? '')).toBe(true)
    expect(service.entrypoint === undefined).toBe(name !== 'secrets')
  })
})

describe.each(lasting)('lasting service %s', (name, service) => {
  it('says whether it is well, on the port that it has', () => {
    // It listens on nothing.
    if (name === 'access') return
    const { BAYWIRE_HTTP_PORT, BAYWIRE_MONITOR_PORT } = service.environment
    const test = service.healthcheck?.test.join(' ') ?? ''
    expect(test).toMatch(/^CMD /)
    if (!isOurs(service)) return
    expect(test).toContain(`:${name === 'api' ? BAYWIRE_HTTP_PORT : BAYWIRE_MONITOR_PORT}/health`)
  })

  it('is given more time to stop than it takes', () => {
    const [, count = '0', unit] = /^(\d+)(s|m)$/.exec(service.stop_grace_period ?? '') ?? []
    const graceMs = Number(count) * (unit === 'm' ? 60_000 : 1000)
    expect(graceMs).toBeGreaterThan(2 * Number(settings.BAYWIRE_STOP_MS.default))
  })
})

it('publishes the API and MQTT and nothing else, on loopback unless told', () => {
  expect(Object.fromEntries(all.flatMap(([name, { ports }]) => (ports.length > 0 ? [[name, ports]] : [])))).toEqual({
    mosquitto: ['${PUBLISH_ADDRESS:-127.0.0.1}:1883:1883'],
    api: [`\${PUBLISH_ADDRESS:-127.0.0.1}:8080:${services['api']?.environment['BAYWIRE_HTTP_PORT']}`],
  })
  const open = Object.keys(networks).filter((name) => networks[name]?.internal === false)
  expect(open).toEqual(['edge'])
  expect(all.filter(([, service]) => service.networks.includes('edge')).map(([name]) => name)).toEqual([
    'mosquitto',
    'api',
  ])
  // A container without networks of its own is put into one that is not internal.
  expect(all.filter(([, service]) => service.networks.length === 0 && service.network_mode !== 'none')).toEqual([])
})

it('has a lasting service wait for each that ends: otherwise `up --wait` takes the end for a failure', () => {
  const once = all.filter(([, { restart }]) => restart === undefined).map(([name]) => name)
  const awaited = lasting.flatMap(([, { depends_on: on }]) =>
    Object.keys(on).filter((name) => on[name]?.condition === 'service_completed_successfully'),
  )
  expect(once).toEqual(['secrets', 'migrate'])
  expect(once.filter((name) => !awaited.includes(name))).toEqual([])
})

describe('access', () => {
  const { access, mosquitto, secrets } = services
  const configuration = readFileSync(`${projectRoot}mosquitto.conf`, 'utf8')
  const configured = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(configuration)?.[1]
  const options = parseArgs({
    args: access?.command?.slice(2) ?? [],
    options: { directory: { type: 'string' }, user: { type: 'string' }, 'pid-file': { type: 'string' } },
  }).values

  it('writes the files that Mosquitto reads, as its user', () => {
    expect(configured('password_file')).toBe(`${options.directory}/passwd`)
    expect(configured('acl_file')).toBe(`${options.directory}/acl`)
    expect(mosquitto?.volumes).toContain(`broker-access:${options.directory}:ro`)
    expect(access?.volumes).toContain(`broker-access:${options.directory}`)
    expect([access?.user, secrets?.user]).toEqual([mosquitto?.user, mosquitto?.user])
  })

  it('finds the process that it tells', () => {
    expect(access?.pid).toBe('service:mosquitto')
    expect(configured('pid_file')).toBe(options['pid-file'])
    expect(mosquitto?.volumes).toContain('broker-data:/var/lib/mosquitto')
    expect(access?.volumes).toContain('broker-data:/var/lib/mosquitto:ro')
  })
})

it('lets the owner of the database into the migration alone', () => {
  const owners = ours.filter(
    ([, { environment }]) => 'DATABASE_URL_FILE' in environment || 'DATABASE_URL' in environment,
  )
  expect(owners.map(([name]) => name)).toEqual(['migrate'])
})

describe('Dockerfile', () => {
  const lines = readFileSync(`${projectRoot}Dockerfile`, 'utf8').split('\n')
  const allowed = readFileSync(`${projectRoot}.dockerignore`, 'utf8')
    .split('\n')
    .flatMap((line) => /^!(.*)$/.exec(line)?.[1] ?? [])

  it('builds from pinned images and ends as an ordinary user', () => {
    const images = lines.flatMap((line) => /^FROM (\S+)/.exec(line)?.[1] ?? [])
    expect(images.every((image) => /^node:\d+\.\d+-/.test(image))).toBe(true)
    expect(new Set(images).size).toBe(1)
    expect(lines.findLast((line) => line.startsWith('USER '))).toBe('USER node')
  })

  it('copies what there is, and what .dockerignore lets through is all of it', () => {
    const copied = lines.flatMap((line) => /^COPY (?!--from)(.*) \S+$/.exec(line)?.[1]?.split(' ') ?? [])
    expect(copied.filter((path) => !existsSync(projectRoot + path))).toEqual([])
    expect([...new Set(copied.map((path) => path.replace('./', '')))].toSorted()).toEqual(allowed.toSorted())
  })
})
