import { nameOf, type Names } from '../names.ts'

/** Audit entries as sentences. Pure: what ids are called is given. */
export interface Entry {
  seq: number
  at: string
  actor: { kind: string; id: string }
  action: string
  target: { kind: string; id: string }
  detail: Record<string, unknown>
  request_id: string | null
  hash: string
}

export interface Places {
  /** Codes of spaces and names of sites and zones, by id. */
  readonly called: ReadonlyMap<string, string>
}

export interface Told {
  people: Names
  places: Places
  /** A time of day or with its day, as people read it. */
  time: (at: string) => string
}

/** What somebody did, in words; the names of people's things are to stand apart from what is around them. */
export type Words = readonly (string | { name: string; href?: string })[]

export function sentenceOf(entry: Entry, told: Told): Words {
  const phrase = Object.hasOwn(phrases, entry.action) ? phrases[entry.action] : undefined
  return phrase === undefined ? fallback(entry, told) : phrase({ ...told, entry, detail: entry.detail })
}

export function actorName({ actor }: Pick<Entry, 'actor'>, { people }: Pick<Told, 'people'>): string {
  return nameOf(actor, people)
}

interface Telling extends Told {
  entry: Entry
  detail: Record<string, unknown>
}

type Phrase = (telling: Telling) => Words

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const count = (value: unknown): number => (typeof value === 'number' ? value : 0)
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [])
const short = (id: string): string => (id.length > 12 ? `…${id.slice(-6)}` : id)

/** `3 spaces`, `1 space` */
function many(number: number, one: string, more = `${one}s`): string {
  return `${number} ${number === 1 ? one : more}`
}

function space(id: string, { places }: Told) {
  return { name: places.called.get(id) ?? `the space ${short(id)}`, href: `/spaces/${id}` }
}

function site(id: string, { places }: Told) {
  return { name: places.called.get(id) ?? `the site ${short(id)}`, href: `/sites/${id}` }
}

/** By the code of the time, or else by what it is called now. */
function thing(what: string, { entry: { target }, detail, places }: Telling) {
  return { name: text(detail['code']) || places.called.get(target.id) || `${what} ${short(target.id)}` }
}

/** At most three by name. */
function spacesOf(ids: readonly string[], told: Told): Words {
  if (ids.length > 3) return [many(ids.length, 'space')]
  return ids.flatMap((id, index) => [
    ...(index === 0 ? [] : [index === ids.length - 1 ? ' and ' : ', ']),
    space(id, told),
  ])
}

function until(detail: Record<string, unknown>, { time }: Told): string {
  const at = text(detail['ends_at'])
  return at === '' ? ' until further notice' : ` until ${time(at)}`
}

const fieldNames = (detail: Record<string, unknown>): string => {
  const fields = texts(detail['fields'])
  return fields.length === 0 ? '' : ` (${fields.join(', ').replaceAll('_', ' ')})`
}

function person({ kind, id }: { kind: string; id: string }, { people, entry }: Telling) {
  const isSelf = entry.actor.kind === 'user' && entry.actor.id === id
  const name = nameOf({ kind: 'user', id }, people)
  return { name: isSelf ? 'themselves' : name === 'You' ? 'you' : name, kind }
}

const made =
  (what: string): Phrase =>
  (telling) => [`made the ${what} `, thing(what, telling)]
const changed =
  (what: string): Phrase =>
  (telling) => [`changed the ${what} `, thing(what, telling), fieldNames(telling.detail)]
const deleted =
  (what: string): Phrase =>
  (telling) => [
    `deleted the ${what} `,
    thing(what, telling),
    telling.detail['archived'] === true ? ', whose history stays' : '',
  ]
const credential =
  (what: string, did: string): Phrase =>
  (telling) => [`${did} the secret of the ${what} `, thing(what, telling)]
const plainly =
  (did: string): Phrase =>
  () => [did]
const toPerson =
  (did: string, after = ''): Phrase =>
  (telling) => [`${did} `, { name: person(telling.entry.target, telling).name }, after]

/** `did` something to a reservation of somebody else; what people do with their own is no entry. */
const reservation =
  (did: string): Phrase =>
  (telling) => [`${did} a reservation of `, space(text(telling.detail['space']), telling)]

function because(detail: Record<string, unknown>): string {
  const why = text(detail['because'])
  return why === '' ? '' : ` (${why.replaceAll('_', ' ')})`
}

const phrases: Readonly<Record<string, Phrase>> = {
  'override.created': (telling) => [
    telling.detail['kind'] === 'blocked' ? 'blocked ' : 'took ',
    ...spacesOf(texts(telling.detail['spaces']), telling),
    telling.detail['kind'] === 'blocked' ? '' : ' out of service',
    until(telling.detail, telling),
  ],
  'override.changed': (telling) => [
    `changed an override${fieldNames(telling.detail)}, which now holds`,
    until(telling.detail, telling),
  ],
  'override.ended': (telling) => ['gave ', space(text(telling.detail['space']), telling), ' back to use'],

  'site.created': (telling) => ['made the site ', site(telling.entry.target.id, telling)],
  'site.changed': (telling) => [
    'changed the site ',
    site(telling.entry.target.id, telling),
    fieldNames(telling.detail),
  ],
  'site.deleted': deleted('site'),
  'zone.created': made('zone'),
  'zone.changed': changed('zone'),
  'zone.deleted': deleted('zone'),
  'space.created': made('space'),
  'space.changed': (telling) => [
    'changed the space ',
    space(telling.entry.target.id, telling),
    fieldNames(telling.detail),
  ],
  'space.deleted': deleted('space'),
  'spaces.imported': (telling) => [
    `imported spaces of `,
    site(telling.entry.target.id, telling),
    `: ${count(telling.detail['created'])} made, ${count(telling.detail['changed'])} changed`,
  ],
  'policy.changed': (telling) => [
    'changed the policy of ',
    ...(telling.entry.target.kind === 'space'
      ? [space(telling.entry.target.id, telling)]
      : telling.entry.target.kind === 'site'
        ? [site(telling.entry.target.id, telling)]
        : ['the tenant']),
    ` (version ${count(telling.detail['version'])})`,
  ],

  'device.created': made('device'),
  'device.claimed': (telling) => ['claimed the unknown device ', thing('device', telling)],
  'device.changed': changed('device'),
  'device.deleted': deleted('device'),
  'device.assigned': (telling) => [
    'put the device ',
    thing('device', telling),
    ' at ',
    space(text(telling.detail['space_id']), telling),
  ],
  'device.unassigned': (telling) => [
    'took the device ',
    thing('device', telling),
    ' away from ',
    space(text(telling.detail['space_id']), telling),
  ],
  'device.secret_rotated': credential('device', 'renewed'),
  'device.credential_revoked': credential('device', 'revoked'),
  'orphan.ignored': (telling) => ['put the unknown device ', { name: telling.entry.target.id }, ' aside'],
  'orphan.unignored': (telling) => ['took the unknown device ', { name: telling.entry.target.id }, ' up again'],
  'gateway.created': made('gateway'),
  'gateway.changed': changed('gateway'),
  'gateway.deleted': deleted('gateway'),
  'gateway.secret_rotated': credential('gateway', 'renewed'),
  'gateway.credential_revoked': credential('gateway', 'revoked'),

  'reservation.confirmed': reservation('confirmed'),
  'reservation.cancelled': reservation('cancelled'),
  'reservation.extended': (telling) => [
    ...reservation('extended')(telling),
    ` to ${telling.time(text(telling.detail['end']))}`,
  ],
  'reservation.checked_in': reservation('checked in'),
  'reservation.checked_out': reservation('checked out'),
  'reservation.moved': (telling) => [
    'moved a reservation from ',
    space(text(telling.detail['from_space']), telling),
    ' to ',
    space(text(telling.detail['space']), telling),
  ],

  'member.added': (telling) => [
    'made ',
    { name: person(telling.entry.target, telling).name },
    ` a member, as ${text(telling.detail['role'])}`,
  ],
  'member.role_changed': (telling) => [
    'made ',
    { name: person(telling.entry.target, telling).name },
    ` ${text(telling.detail['to']) || text(telling.detail['role'])}`,
    text(telling.detail['from']) === '' ? '' : ` (was ${text(telling.detail['from'])})`,
  ],
  'member.removed': toPerson('ended the membership of'),
  'invite.created': ({ detail }) => [`invited somebody as ${text(detail['role'])}`],
  'invite.revoked': ({ detail }) => [`took back an invite as ${text(detail['role'])}`],
  'invite.accepted': ({ detail }) => [
    `accepted an invite${text(detail['role']) === '' ? '' : ` as ${text(detail['role'])}`}`,
  ],
  'user.logged_in': plainly('signed in'),
  'user.locked': toPerson('locked the account of', ' after wrong passwords'),
  'user.email_verified': plainly('verified their e-mail address'),
  'user.password_changed': plainly('changed their password'),
  'user.password_reset': plainly('set another password by e-mail'),
  'user.password_set': toPerson('set another password for'),
  'user.renamed': plainly('changed their name'),
  'user.disabled': toPerson('shut the account of'),
  'user.enabled': toPerson('opened the account of', ' again'),
  'user.administrator_made': toPerson('made', ' a platform administrator'),
  'user.administrator_ended': toPerson('made', ' a platform administrator no more'),
  'session.ended': ({ detail }) => [`ended ${many(count(detail['sessions']) || 1, 'session')}${because(detail)}`],
  'session.reuse_detected': plainly(
    'came with a refresh token that was used before: the session was ended, somebody had a copy',
  ),
  'session.entered_tenant': plainly('went on in this tenant'),
  'api_key.created': ({ detail }) => ['made the API key ', { name: text(detail['name']) }],
  'api_key.changed': ({ detail }) => ['changed the API key ', { name: text(detail['name']) }],
  'api_key.revoked': ({ entry: { target }, people }) => [
    'revoked ',
    { name: nameOf({ kind: 'api_key', id: target.id }, people) },
  ],
  'tenant.registered': ({ detail }) => ['registered the tenant ', { name: text(detail['slug']) }],
  'tenant.changed': ({ detail }) => [`changed the settings of the tenant${fieldNames(detail)}`],
  'tenant.suspended': plainly('suspended the tenant'),
  'tenant.resumed': plainly('took the tenant into service again'),
  'tenant.looked_into': plainly('looked into the tenant, as a platform administrator'),
  'tenant.erasure_begun': plainly('shut the tenant off and began to erase it'),
  'tenant.erased': plainly('erased the tenant'),
}

/** All actions that have words, for whoever filters by one. */
export const knownActions: readonly string[] = Object.keys(phrases).toSorted()

/** Of an action that is newer than this page: its own words. */
function fallback({ action, target, detail }: Entry, told: Told): Words {
  const [what = '', did = ''] = action.split('.')
  const name = text(detail['code']) || told.places.called.get(target.id) || short(target.id)
  return [`${what.replaceAll('_', ' ')} ${did.replaceAll('_', ' ')}: ${target.kind.replaceAll('_', ' ')} `, { name }]
}

/** The ids of spaces that an entry names, which are to be called by their codes. */
export function spaceIdsOf({ target, detail }: Entry): string[] {
  const spaces = texts(detail['spaces'])
  const named = [detail['space'], detail['space_id'], detail['from_space'], detail['from_space_id']]
  return [
    ...(target.kind === 'space' && text(detail['code']) === '' ? [target.id] : []),
    ...(spaces.length > 3 ? [] : spaces),
    ...named.filter((id) => typeof id === 'string'),
  ]
}

export const targetKinds = [
  'api_key',
  'device',
  'gateway',
  'invite',
  'member',
  'orphan',
  'override',
  'reservation',
  'session',
  'site',
  'space',
  'tenant',
  'user',
  'zone',
] as const
