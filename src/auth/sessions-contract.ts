import type { AccountTransaction } from '../store/transactions.ts'

/** What a login gives: shown once. */
export interface IssuedTokens {
  sessionId: string
  accessToken: string
  refreshToken: string
  /** Life of the access token, in seconds. */
  expiresIn: number
}

/** Logins, as the rest of the accounts sees them. */
export interface Sessions {
  begin(
    tx: AccountTransaction,
    login: { userId: string; tenantId: string | null; remember: boolean; device: string; addressArea: string },
  ): Promise<IssuedTokens>
  /** Ends all of a user's, but for `except`; returns how many. */
  endAll(
    tx: AccountTransaction,
    which: {
      userId: string
      because: 'logout' | 'ended' | 'reused' | 'password' | 'limit' | 'disabled' | 'expired'
      except?: string
    },
  ): Promise<number>
}
