import { useState } from 'preact/hooks'
import { Confirm } from '../components/dialog.tsx'
import { ErrorNote } from '../components/states.tsx'
import { Time } from '../components/time.tsx'
import { bodyOf, newIdempotencyKey } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { SecretNote } from './secret-note.tsx'
import type { Issued } from './types.ts'

export interface Speaker {
  kind: 'device' | 'gateway'
  id: string
  code: string
  credential_since: string | null
}

type Step = 'rotate' | 'revoke'

/** What a device or gateway connects with: another secret, none, or the first one. Secrets are shown once. */
export function Credentials({ speaker, onChange }: { speaker: Speaker; onChange: () => void }) {
  const [step, setStep] = useState<Step>()
  const [issued, setIssued] = useState<Issued>()
  const [error, setError] = useState<Error>()
  const [busy, setBusy] = useState(false)
  const actions = useActions(speaker)
  const { code, credential_since: since } = speaker
  const issue = async (ask: () => Promise<{ credentials: Issued }>) => {
    const { credentials } = await ask()
    setIssued(credentials)
    onChange()
  }
  const provision = async () => {
    setBusy(true)
    setError(undefined)
    try {
      await issue(actions.provision)
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown : new Error(String(thrown)))
    }
    setBusy(false)
  }
  return (
    <>
      {issued === undefined ? null : <SecretNote issued={issued} onKept={() => setIssued(undefined)} />}
      {error === undefined ? null : <ErrorNote error={error} />}
      {since === null ? (
        <>
          <p>It has no credential: it cannot connect by itself.</p>
          <button type="button" disabled={busy} onClick={() => void provision()}>
            Give it a credential
          </button>
        </>
      ) : (
        <>
          <p>
            In force since <Time at={since} />.
          </p>
          <p class="actions">
            <button type="button" onClick={() => setStep('rotate')}>
              Rotate secret…
            </button>
            <button type="button" onClick={() => setStep('revoke')}>
              Revoke…
            </button>
          </p>
        </>
      )}
      {step === 'rotate' ? (
        <Confirm
          title={`Another secret for ${code}?`}
          action="Rotate 1 secret"
          onConfirm={() => issue(actions.rotate)}
          onClose={() => setStep(undefined)}
        >
          <p>
            The one that it has opens nothing any more, and its session ends within seconds. It is not heard of until it
            connects with the new one, which is shown here once.
          </p>
        </Confirm>
      ) : null}
      {step === 'revoke' ? (
        <Confirm
          title={`End the credential of ${code}?`}
          action="Revoke 1 credential"
          onConfirm={async () => {
            await actions.revoke()
            setIssued(undefined)
            onChange()
          }}
          onClose={() => setStep(undefined)}
        >
          <p>
            Its session ends within seconds, and it cannot connect any more, until it is given another credential. What
            it said stays in the log.
          </p>
        </Confirm>
      ) : null}
    </>
  )
}

/** The same for both kinds, each with a key of its own for as long as the dialog may try again. */
function useActions({ kind, id, credential_since: since }: Speaker) {
  const { api } = useServices()
  const [keys, setKeys] = useState(() => ({ since, rotate: newIdempotencyKey(), provision: newIdempotencyKey() }))
  // What was done is done; the next time is another one.
  if (keys.since !== since) setKeys({ since, rotate: newIdempotencyKey(), provision: newIdempotencyKey() })
  const of = (key: string) => ({ param: { id }, header: { 'idempotency-key': key } })
  const isDevice = kind === 'device'
  return {
    provision: () =>
      isDevice
        ? bodyOf(api.devices[':id'].provision.$post(of(keys.provision)))
        : bodyOf(api.gateways[':id'].provision.$post(of(keys.provision))),
    rotate: () =>
      isDevice
        ? bodyOf(api.devices[':id'].rotate.$post(of(keys.rotate)))
        : bodyOf(api.gateways[':id'].rotate.$post(of(keys.rotate))),
    revoke: () =>
      isDevice
        ? bodyOf(api.devices[':id'].revoke.$post(of(newIdempotencyKey())))
        : bodyOf(api.gateways[':id'].revoke.$post(of(newIdempotencyKey()))),
  }
}
