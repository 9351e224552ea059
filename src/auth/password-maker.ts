import type { Accounts } from './accounts.ts'
import { requireGoodPassword } from './new-password.ts'
import type { Belonging, User } from '../store/users.ts'

/** A password for somebody who has none yet, or gets another one by command. */
export interface WantedPassword {
  given: string
  /** The field that it came in. */
  path: string
  user: Pick<User, 'id' | 'email' | 'name'>
  belongings: readonly Pick<Belonging, 'slug' | 'name' | 'passwordRules'>[]
}

export interface PasswordMaker {
  /**
   * Its hash; to be asked outside of any transaction, since hashing takes its time.
   * @throws Refusal `invalid_input` where it breaks a rule, `busy`
   */
  make(wanted: WantedPassword): Promise<string>
}

/** By the rules of passwords. */
export function passwordMaker(accounts: Pick<Accounts, 'rules' | 'words' | 'hasher'>): PasswordMaker {
  return {
    async make(wanted) {
      const password = requireGoodPassword(accounts, wanted)
      return await accounts.hasher.inTurn((turn) => turn.hash(password))
    },
  }
}
