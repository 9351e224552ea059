import { newId } from '../../../src/ids.ts'
import { fingerprint } from '../../support/tenant-world.ts'
import { comparable, faultsOf, LeakScan, storedBy } from './answers.ts'
import type { Operation } from './operations.ts'
import { allPermissions, holds, type Person } from './matrix-people.ts'
import { sharedWords } from './samples.ts'
import { prepare, send, tableOfField, type Answer, type Prepared, type Subject } from './requests.ts'

/**
 * Every route × own tenant, another's ids, ids of nothing, no tenant, a suspended tenant × every role and keys (G-T2).
 * What is wrong comes back as lines, so that the suite can itself be tested on routes with holes.
 */
export interface Findings {
  cases: number
  faults: string[]
}

export async function matrixOf(subject: Subject, operations: readonly Operation[]): Promise<Findings> {
  const findings: Findings = { cases: 0, faults: [] }
  for (const operation of operations) {
    const run = new OperationMatrix({ subject, operation, findings })
    try {
      await run.all()
    } catch (error) {
      findings.faults.push(error instanceof Error ? error.message : String(error))
    }
  }
  return findings
}

class OperationMatrix {
  readonly #subject: Subject
  readonly #operation: Operation
  readonly #findings: Findings
  readonly #scan: LeakScan

  constructor({ subject, operation, findings }: { subject: Subject; operation: Operation; findings: Findings }) {
    this.#subject = subject
    this.#operation = operation
    this.#findings = findings
    this.#scan = new LeakScan(subject.world)
  }

  async all(): Promise<void> {
    const foreign = await this.#foreignPairs()
    const before = await this.#othersRows()
    if (this.#operation.secured) {
      for (const pair of foreign) await this.#comparePair(pair)
      await this.#roles()
    } else {
      await this.#open()
    }
    const after = await this.#othersRows()
    for (const [table, digest] of after)
      if (before.get(table) !== digest) this.#fault(`changed ${table} of another tenant`)
  }

  /** Anybody may ask: of the tenant that is named, and of no other. */
  async #open(): Promise<void> {
    const { people, world } = this.#subject
    const request = await prepare(this.#subject, {
      operation: this.#operation,
      tenant: world.one,
      person: people.owner,
    })
    const answer = await this.#ask(request, undefined)
    if (!isWell(answer, request))
      this.#fault(`the sample request is answered ${answer.status}: mend test/api/support/samples.ts`)
  }

  async #roles(): Promise<void> {
    const { people } = this.#subject
    const { permission } = this.#operation
    const others = allPermissions.filter((one) => one !== permission)
    const keys = permission === undefined ? [] : [await people.apiKey([permission]), await people.apiKey(others)]
    for (const person of [...people.members, ...keys, people.withoutTenant, people.suspended]) {
      const request = await this.#sample(person)
      const answer = await this.#ask(request, person)
      this.#judge(person, request, answer)
    }
  }

  #judge(person: Person, request: Prepared, answer: Answer): void {
    const { permission } = this.#operation
    const { owner } = this.#subject.people
    const mayNot = request.refusesKeys && person.principal.kind === 'api_key'
    const as = `as ${person.name}`
    if (answer.status < 400) for (const fault of storedBy(answer)) this.#fault(`${as} ${fault}`)
    if (mayNot || (permission !== undefined && !holds(person, permission))) {
      if (answer.status !== 403) this.#fault(`${as}, without ${permission}: ${answer.status} and not 403`)
    } else if (person === owner || permission !== undefined) {
      if (!isWell(answer, request)) {
        this.#fault(
          `${as} the sample request is answered ${answer.status} ${answer.text.slice(0, 300)}: mend test/api/support/samples.ts, or the route`,
        )
      }
    } else if (answer.status === 401) {
      this.#fault(`${as}: 401 to somebody who is signed in`)
    }
  }

  async #comparePair({ name, foreign, nothing, ids }: Pair): Promise<void> {
    const { owner } = this.#subject.people
    const answers = [await this.#ask(foreign, owner, [ids[0]]), await this.#ask(nothing, owner, [ids[1]])] as const
    const [first, second] = answers.map((answer, at) => {
      const request = at === 0 ? foreign : nothing
      return comparable(answer, [ids[at] ?? '', ...Object.values(request.params)])
    })
    if (first !== second)
      this.#fault(`${name} of another tenant is told from one of nothing:\n    ${first}\n    ${second}`)
    const inPath = name.startsWith('{')
    if (inPath && answers[0].status !== 404) this.#fault(`${name} of another tenant: ${answers[0].status} and not 404`)
    if (!inPath && foreign.operation.method !== 'GET' && answers[0].status < 400) {
      this.#fault(`${name} of another tenant is taken: ${answers[0].status}`)
    }
  }

  /** For each place of an id: the sample with a row of another tenant there, and with one that is nowhere. */
  async #foreignPairs(): Promise<Pair[]> {
    if (!this.#operation.secured) return []
    const { world, people } = this.#subject
    const { operation } = this
    const theirs = await prepare(this.#subject, { operation, tenant: world.two, person: people.owner })
    const pairs: Pair[] = []
    for (const name of operation.pathParameters) {
      if (sharedWords.some((word) => operation.path.includes(`/${word}/{${name}}`))) continue
      const id = theirs.params[name] ?? ''
      const none = /^[0-9a-f-]{36}$/.test(id) ? newId() : `nothing-${newId().slice(-8)}`
      const at = async (value: string): Promise<Prepared> => {
        const own = await this.#sample(people.owner)
        return { ...own, params: { ...own.params, [name]: value } }
      }
      pairs.push({ name: `{${name}}`, foreign: await at(id), nothing: await at(none), ids: [id, none] })
    }
    for (const name of this.#idFields(theirs.body)) pairs.push(await this.#pairOf({ name, place: 'body' }))
    const filters = operation.query.filter((one) => one.name.endsWith('_id'))
    for (const { name } of filters) pairs.push(await this.#pairOf({ name, place: 'query' }))
    return pairs
  }

  #idFields(body: unknown): string[] {
    const names = new Set([...this.#operation.bodies.values()].flatMap(({ properties }) => [...properties.keys()]))
    const given = typeof body === 'object' && body !== null ? Object.keys(body) : []
    const { rows } = this.#subject.world.two
    return given.filter(
      (name) => names.has(name) && /_ids?$/.test(name) && rows.get(tableOfField(name) ?? '')?.['id'] !== undefined,
    )
  }

  async #pairOf({ name, place }: { name: string; place: 'body' | 'query' }): Promise<Pair> {
    const { world, people } = this.#subject
    const row = world.two.rows.get(tableOfField(name) ?? '')
    const id = typeof row?.['id'] === 'string' ? row['id'] : world.two.id
    const none = newId()
    const at = async (value: string): Promise<Prepared> => {
      const own = await this.#sample(people.owner)
      if (place === 'query') return { ...own, query: { ...own.query, [name]: value } }
      return { ...own, body: { ...(own.body as object), [name]: name.endsWith('_ids') ? [value] : value } }
    }
    return { name: `${place} ${name}`, foreign: await at(id), nothing: await at(none), ids: [id, none] }
  }

  get operation(): Operation {
    return this.#operation
  }

  async #sample(person: Person): Promise<Prepared> {
    const { world } = this.#subject
    return await prepare(this.#subject, { operation: this.#operation, tenant: world.one, person })
  }

  async #ask(request: Prepared, person: Person | undefined, tried: readonly string[] = []): Promise<Answer> {
    this.#findings.cases += 1
    const answer = await send(this.#subject, request, person)
    for (const fault of [...faultsOf(answer), ...this.#scan.leaksIn(answer, tried)]) {
      this.#fault(`${person === undefined ? 'for anybody' : `as ${person.name}`} it ${fault}`)
    }
    return answer
  }

  async #othersRows(): Promise<ReadonlyMap<string, string>> {
    const { owner, world } = this.#subject
    const [two, three] = [await fingerprint(owner, world, world.two), await fingerprint(owner, world, world.three)]
    return new Map([...two].map(([table, digest]) => [table, `${digest} ${three.get(table)}`]))
  }

  #fault(what: string): void {
    this.#findings.faults.push(`${this.#operation.name}: ${what}`)
  }
}

interface Pair {
  name: string
  foreign: Prepared
  nothing: Prepared
  ids: readonly [string, string]
}

function isWell({ status }: Answer, { expects }: Prepared): boolean {
  return expects === undefined ? status >= 200 && status < 400 : status === expects
}
