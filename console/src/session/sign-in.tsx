import { useEffect, useRef, useState } from 'preact/hooks'
import { Field } from '../components/field.tsx'
import { ErrorNote } from '../components/states.tsx'
import { isProblem } from '../requests/requests.ts'
import { useServices } from '../services.ts'

/** In place of every page while nobody is signed in: the URL stays, so one is back where one was. */
export function SignIn({ because }: { because: 'nobody' | 'left' | 'ended' }) {
  const { session } = useServices()
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [newPassword, setNewPassword] = useState('')
  const [remember, setRemember] = useState(false)
  const [mustChange, setMustChange] = useState(false)
  const [error, setError] = useState<Error>()
  const [busy, setBusy] = useState(false)
  const alive = useRef(true)
  useEffect(() => {
    document.title = 'Sign in · Baywire'
    return () => {
      alive.current = false
    }
  }, [])

  const signIn = async () => {
    setBusy(true)
    setError(undefined)
    try {
      await session.signIn({ email, password, remember, newPassword: mustChange ? newPassword : undefined })
    } catch (thrown) {
      if (!alive.current) return
      if (isProblem(thrown, 'password-change-required') && !mustChange) setMustChange(true)
      else setError(thrown instanceof Error ? thrown : new Error(String(thrown)))
      setBusy(false)
    }
    if (alive.current) setBusy(false)
  }

  const fieldError = (path: string) => (isProblem(error) ? error.errorOf(path) : undefined)
  return (
    <main class="sign-in" id="main">
      <h1>Sign in to Baywire</h1>
      {because === 'ended' ? (
        <p class="note" role="status">
          Your session has ended. Sign in again to go on where you were.
        </p>
      ) : null}
      {because === 'left' ? (
        <p class="note" role="status">
          You are signed out.
        </p>
      ) : null}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void signIn()
        }}
      >
        <Field label="E-mail address" error={fieldError('email')}>
          {(input) => (
            <input
              {...input}
              type="email"
              autocomplete="username"
              required
              value={email}
              onInput={(event) => setEmail(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label="Password" error={fieldError('password')}>
          {(input) => (
            <input
              {...input}
              type="password"
              autocomplete="current-password"
              required
              value={password}
              onInput={(event) => setPassword(event.currentTarget.value)}
            />
          )}
        </Field>
        {mustChange ? (
          <>
            <p class="note" role="alert">
              This password is right, and must be changed now. Choose another one.
            </p>
            <Field
              label="New password"
              hint="A sentence is easier to keep than a riddle."
              error={fieldError('new_password')}
            >
              {(input) => (
                <input
                  {...input}
                  type="password"
                  autocomplete="new-password"
                  required
                  value={newPassword}
                  onInput={(event) => setNewPassword(event.currentTarget.value)}
                />
              )}
            </Field>
          </>
        ) : null}
        <label class="check">
          <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.currentTarget.checked)} />
          Stay signed in for longer than a day
        </label>
        {error === undefined ? null : <SignInError error={error} />}
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
    </main>
  )
}

/** The API does not say whether an account is closed: what to do then stands beside every refusal. */
function SignInError({ error }: { error: Error }) {
  if (!isProblem(error, 'unauthenticated')) return <ErrorNote error={error} />
  return (
    <div class="error-note" role="alert">
      <p class="error-title">Address and password do not belong together</p>
      <p>
        After several wrong passwords an account is closed for half an hour, and refuses the right one, too. If you
        forgot it, somebody who runs this installation can set another one: <code>baywire user password</code>.
      </p>
    </div>
  )
}
