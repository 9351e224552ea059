import { useState } from 'preact/hooks'
import type { Issued } from './types.ts'

/** What something connects with, this once. */
export function SecretNote({ issued, onKept }: { issued: Issued; onKept?: () => void }) {
  return (
    <div class="secret-note" role="status">
      <p>
        <strong>Keep this now: the secret is shown this once,</strong> and nobody can read it again.
      </p>
      <dl class="facts">
        <Copied name="Username and client id" value={issued.username} />
        <Copied name="Secret" value={issued.secret} />
      </dl>
      {onKept === undefined ? null : (
        <button type="button" onClick={onKept}>
          I have kept it
        </button>
      )}
    </div>
  )
}

function Copied({ name, value }: { name: string; value: string }) {
  const [copied, setCopied] = useState(false)
  // Not there but over HTTPS or on the machine itself.
  const clipboard = 'clipboard' in navigator ? (navigator.clipboard as Clipboard | undefined) : undefined
  const copy = async () => {
    await clipboard?.writeText(value)
    setCopied(true)
  }
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <code>{value}</code>{' '}
        {clipboard === undefined ? null : (
          <button type="button" class="small" onClick={() => void copy().catch(() => {})}>
            {copied ? 'Copied' : 'Copy'}
            <span class="unseen"> {name}</span>
          </button>
        )}
      </dd>
    </>
  )
}
