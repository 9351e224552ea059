import type { Log } from '../log.ts'

/**
 * The one door through which codes and links leave Baywire. A message is handed over after the transaction that made it has
 * committed, and `send` returns at once: no request waits for a mail, or it would tell who has an account.
 */
export interface Message {
  purpose: 'reset_password' | 'verify_email' | 'invite' | 'address_taken'
  address: string
  /** The code to type in, or the token of a link; none where somebody is only told something. */
  code?: string
  expiresAt?: Date
}

export interface CodeSender {
  send(message: Message): void
}

/** For development: the one place where codes are written to the log. */
export function loggingSender(log: Log): CodeSender {
  return {
    send: ({ purpose, address, code, expiresAt }) =>
      log.info({ purpose, address, code, expires_at: expiresAt }, 'would be sent by mail'),
  }
}

/** For production as long as no way to send is set up: says so once, and nothing of what was to be sent. */
export function missingSender(log: Log): CodeSender {
  let said = false
  return {
    send({ purpose }) {
      if (said) return
      said = true
      log.warn({ purpose }, 'a message was not sent: there is no way to send mail; make accounts with `baywire user`')
    },
  }
}
