import { randomBytes } from 'node:crypto'
import { addPerson, setPassword, type Means } from '../../administration/people.ts'
import { wordList } from '../../auth/common-passwords.ts'
import { PasswordHasher } from '../../auth/hashing.ts'
import type { Config } from '../../config.ts'
import { Refusal } from '../../refusal.ts'
import type { TenantDatabase } from '../../store/transactions.ts'
import { passwordRules } from '../accounts.ts'
import { demoTenant } from './town.ts'

/** Whom one signs in to the console as: an owner, so that nothing is hidden. */
export interface DemoOperator {
  email: string
  password: string
}

const email = 'operator@demo.example'
const passwordBytes = 12

/** Makes the account where it is missing, and a new password each time: the database has no readable one. */
export async function makeOperator(database: TenantDatabase, config: Config): Promise<DemoOperator> {
  const means: Means = {
    database,
    hasher: await PasswordHasher.create({
      memoryKib: config.BAYWIRE_HASH_MEMORY_KIB,
      passes: config.BAYWIRE_HASH_PASSES,
      atOnce: 1,
      waiting: 1,
    }),
    rules: passwordRules(config),
    words: wordList(),
  }
  // Of every class that a preset may ask for.
  const password = `Bay-${randomBytes(passwordBytes).toString('base64url')}-7`
  try {
    await setPassword(means, { email, password })
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'not_found') throw error
    const member = { slug: demoTenant, role: 'owner' } as const
    await addPerson(means, { email, name: 'Demo operator', password, administrator: false, member })
  }
  return { email, password }
}
