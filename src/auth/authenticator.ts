import type { Principal } from './principal.ts'

export interface Authenticator {
  /**
   * Who sends this `Authorization` header: an access token or an API key, by what holds now.
   * @throws Refusal `unauthenticated`, the same for whatever is wrong with it
   */
  authenticate(authorization: string | undefined): Promise<Principal>
}
