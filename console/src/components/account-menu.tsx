import { useState } from 'preact/hooks'
import { useServices } from '../services.ts'
import type { Me } from '../session/session.ts'
import { Dialog } from './dialog.tsx'
import { ErrorNote } from './states.tsx'

/** Who is signed in and where they work; to go on elsewhere, or to leave. */
export function AccountMenu({ me }: { me: Me }) {
  const [open, setOpen] = useState(false)
  const own = me.tenants.find(({ id }) => id === me.tenant?.id)
  return (
    <>
      <button type="button" class="account" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <span class="unseen">Account: </span>
        <span class="account-name">
          <bdi>{own?.name ?? me.user?.name ?? 'Account'}</bdi>
        </span>
      </button>
      {open ? <AccountDialog me={me} onClose={() => setOpen(false)} /> : null}
    </>
  )
}

function AccountDialog({ me, onClose }: { me: Me; onClose: () => void }) {
  const { session, navigation } = useServices()
  const [error, setError] = useState<Error>()
  const others = me.tenants.filter(({ id, suspended }) => id !== me.tenant?.id && !suspended)
  const enter = async (tenantId: string) => {
    try {
      await session.enterTenant(tenantId)
      navigation.go('/')
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown : new Error(String(thrown)))
    }
  }
  return (
    <Dialog title="Account" onClose={onClose}>
      <p>
        {me.user?.name} <span class="fine">{me.user?.email}</span>
      </p>
      <p>{me.tenant === null ? 'You work in no tenant.' : <>Your role here: {me.tenant.role}.</>}</p>
      {others.length === 0 ? null : (
        <>
          <h3>Go on in another tenant</h3>
          <ul class="plain">
            {others.map(({ id, name, role }) => (
              <li key={id}>
                <button type="button" onClick={() => void enter(id)}>
                  {name} ({role})
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      {error === undefined ? null : <ErrorNote error={error} />}
      <div class="dialog-actions">
        <button type="button" onClick={onClose}>
          Close
        </button>
        <button type="button" class="primary" onClick={() => void session.signOut()}>
          Sign out
        </button>
      </div>
    </Dialog>
  )
}
