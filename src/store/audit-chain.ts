import { sql } from 'drizzle-orm'
import type { TenantTransaction } from './transactions.ts'

/** Walks a tenant's audit chain. Each entry's hash covers its content and the entry before it; the head says where it ends. */
export interface ChainFault {
  /** Of the first entry that is not as it was written, or is missing. */
  readonly seq: number
  readonly fault: 'altered' | 'missing' | 'unchained' | 'head'
}

export interface VerifiedChain {
  readonly entries: number
  /** Hash of the last entry: whoever notes it elsewhere can tell later that nothing up to it was written anew. */
  readonly head: string | null
  readonly fault: ChainFault | null
}

/** So many entries are read by one statement, which stays far below the limit on its duration. */
const ENTRIES_PER_STATEMENT = 20_000

interface Walked {
  readonly seq: number
  readonly hash: Buffer
}

interface Piece extends Record<string, unknown> {
  entries: number
  last_seq: string | number | null
  last_hash: Buffer | null
  fault_seq: string | number | null
  fault: ChainFault['fault'] | null
}

/** While it walks, entries may be added: it goes on until it has come to the head. */
export async function verifyChain(tx: TenantTransaction): Promise<VerifiedChain> {
  let at: Walked = { seq: 0, hash: Buffer.alloc(0) }
  let entries = 0
  for (;;) {
    // oxlint-disable no-await-in-loop -- each piece begins where the one before it ended
    const piece = await walk(tx, at)
    if (piece.fault !== null) {
      return { entries, head: null, fault: { seq: Number(piece.fault_seq), fault: piece.fault } }
    }
    if (piece.last_hash !== null) {
      at = { seq: Number(piece.last_seq), hash: piece.last_hash }
      entries += piece.entries
      continue
    }
    const head = await readHead(tx)
    // oxlint-enable no-await-in-loop
    if (head.seq === at.seq && head.hash.equals(at.hash)) {
      return { entries, head: entries === 0 ? null : head.hash.toString('hex'), fault: null }
    }
    // Added since the last piece: go on. Of a chain that was cut at its end there is nothing to go on with.
    if (head.seq > at.seq && (await hasEntry(tx, at.seq + 1))) continue
    return { entries, head: null, fault: { seq: at.seq + 1, fault: head.seq > at.seq ? 'missing' : 'head' } }
  }
}

async function walk(tx: TenantTransaction, { seq, hash }: Walked): Promise<Piece> {
  const [piece] = await tx.execute<Piece>(sql`
    with piece as (
      select a.seq, a.hash, a.previous_hash, audit_entry_hash(a) as computed,
        lag(a.seq, 1, ${seq}::bigint) over (order by a.seq) as seq_before,
        lag(a.hash, 1, ${hash}::bytea) over (order by a.seq) as hash_before
      from audit_log a
      where a.tenant_id = ${tx.tenantId} and a.seq > ${seq}
      order by a.seq limit ${ENTRIES_PER_STATEMENT}
    ), judged as (
      select seq, hash, seq_before, case
          when seq <> seq_before + 1 then 'missing'
          when computed <> hash then 'altered'
          when previous_hash <> hash_before then 'unchained'
        end as fault
      from piece
    ), first_fault as (
      select case when fault = 'missing' then seq_before + 1 else seq end as seq, fault
      from judged where fault is not null order by seq limit 1
    )
    select (select count(*)::int from judged) as entries, l.seq as last_seq, l.hash as last_hash,
      f.seq as fault_seq, f.fault
    from (values (1)) as one
    left join (select seq, hash from judged order by seq desc limit 1) l on true
    left join first_fault f on true`)
  if (piece === undefined) throw new Error('a query without a table has a row')
  return piece
}

async function readHead(tx: TenantTransaction): Promise<Walked> {
  const [head] = await tx.execute<{ seq: string | number; hash: Buffer }>(
    sql`select seq, hash from audit_heads where tenant_id = ${tx.tenantId}`,
  )
  return head === undefined ? { seq: 0, hash: Buffer.alloc(0) } : { seq: Number(head.seq), hash: head.hash }
}

async function hasEntry(tx: TenantTransaction, seq: number): Promise<boolean> {
  const rows = await tx.execute(sql`select 1 from audit_log where tenant_id = ${tx.tenantId} and seq = ${seq}`)
  return rows.length > 0
}
