import { Refusal } from '../../../src/refusal.ts'
import { makeWorld } from '../../support/tenant-world.ts'
import { apiFixture } from '../fixture.ts'
import type { Api } from '../../../src/api/app.ts'
import { accountsApi } from './accounts.ts'
import { operationsOf, type Operation } from './operations.ts'
import { refusedTokens } from './refused-tokens.ts'
import { makePeople } from './matrix-people.ts'
import type { Subject } from './requests.ts'

/** Three tenants, people of all roles, and the API with all its routes. */
export interface OpenSubject {
  subject: Subject
  operations: readonly Operation[]
  close(): Promise<void>
}

/** @param complete adds routes to the API before it is asked for its document */
export async function openSubject(complete?: (app: Api, subject: Omit<Subject, 'app'>) => void): Promise<OpenSubject> {
  const fixture = await apiFixture()
  const world = await makeWorld(fixture.owner)
  // A made up key is none, and whoever asks for the keys would be told so.
  await fixture.owner`DELETE FROM signing_keys WHERE public_jwk = '{}'`
  const { owner, tenants, access } = fixture
  const refused = await refusedTokens({ owner, tenants, world, real: access.authenticator })
  const people = await makePeople({ owner, world, real: access.authenticator, refused })
  const { accounts, close } = await accountsApi(fixture)
  const app = fixture.otherApi({
    tenants: fixture.tenants,
    authenticator: people.authenticator,
    accounts,
    invites: {
      sender: { send: () => {} },
      passwords: { make: () => Promise.reject(new Refusal('busy', 'No passwords are made here.')) },
      mayBeSent: () => Promise.resolve(true),
      inviteHours: 48,
    },
  })
  const subject: Subject = { app, owner: fixture.owner, world, people }
  complete?.(app, subject)
  return {
    subject,
    operations: await operationsOf(app),
    async close() {
      await close()
      await fixture.drop()
    },
  }
}
