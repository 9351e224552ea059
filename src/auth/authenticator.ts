import type { Principal } from './principal.ts'

/** What a request says beside its `Authorization`. */
export interface RequestDetails {
  /** The header `X-Baywire-Tenant`: the tenant that a platform administrator looks into. */
  lookInto?: string | undefined
  requestId?: string | undefined
}

export interface Authenticator {
  /**
   * Who sends this `Authorization` header: an access token or an API key, by what holds now.
   * @throws Refusal `unauthenticated`, the same for whatever is wrong with it
   */
  authenticate(authorization: string | undefined, details?: RequestDetails): Promise<Principal>
  /**
   * The same somebody by what holds now, without what they showed: for what goes on after a request was let in.
   * @throws Refusal `unauthenticated` where they would not be let in any more
   */
  again?(principal: Principal): Promise<Principal>
  /** What was committed until now of sessions, roles and keys counts for whoever comes from now on, in this process. */
  invalidate?(): void
}
