/** Who stands behind `user:` and `api_key:`, as far as one may know it. */
export interface Actor {
  kind: string
  id: string
}

export interface Names {
  /** By `kind:id`. */
  readonly known: ReadonlyMap<string, string>
  readonly ownId: string | undefined
}

const actorKinds: Readonly<Record<string, string>> = {
  user: 'a person',
  api_key: 'an API key',
  command: 'the command line',
  system: 'the system',
}

/** `Anna`, `you`, `API key Signs`, `a person (…0b7c55)` */
export function nameOf({ kind, id }: Actor, { known, ownId }: Names): string {
  if (kind === 'user' && id === ownId) return 'You'
  const name = known.get(`${kind}:${id}`)
  if (name !== undefined) return kind === 'api_key' ? `API key ${name}` : name
  if (kind === 'command') return id
  if (kind === 'system') return `the system (${id})`
  return `${actorKinds[kind] ?? kind} (…${id.slice(-6)})`
}

export function actorOf(text: string): Actor {
  const colon = text.indexOf(':')
  return colon === -1 ? { kind: text, id: '' } : { kind: text.slice(0, colon), id: text.slice(colon + 1) }
}
