import type { ComponentChildren } from 'preact'
import { permissions, type Permission } from '../../../src/auth/permissions.ts'
import { Problem, Unreachable } from '../requests/problem.ts'
import type { Loaded } from './loaded.ts'

/** What a page shows in place of what it is for: while it reads, when that failed, when there is nothing. */
export function Loading({ what = 'Reading' }: { what?: string }) {
  return (
    <p class="loading" role="status">
      {what}…
    </p>
  )
}

/** Says what to do, where there is nothing to show. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  )
}

export function ErrorNote({ error, onRetry }: { error: Error; onRetry?: (() => void) | undefined }) {
  const problem = error instanceof Problem ? error : undefined
  const title = problem?.title ?? (error instanceof Unreachable ? 'The API does not answer' : 'This did not work')
  return (
    <div class="error-note" role="alert">
      <p class="error-title">{title}</p>
      <p>{error instanceof Unreachable ? 'It is asked again by itself, until it answers.' : error.message}</p>
      {problem === undefined || problem.errors.length === 0 ? null : (
        <ul>
          {problem.errors.map(({ path, message }) => (
            <li key={path}>
              <code>{path}</code>: {message}
            </li>
          ))}
        </ul>
      )}
      {problem?.retryAfterS === undefined ? null : <p>Try again in {problem.retryAfterS} s.</p>}
      {problem?.requestId === undefined ? null : (
        <p class="fine">
          Request <code>{problem.requestId}</code>: the log of the server has it.
        </p>
      )}
      {onRetry === undefined ? null : (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** In place of a page that one may not see. */
export function NotAllowed({ permission }: { permission: Permission }) {
  return (
    <Empty title="Your role does not show you this">
      <p>
        It needs the permission <code>{permission}</code> ({permissions[permission].about}), which these roles have:{' '}
        {permissions[permission].roles.join(', ')}. An owner or admin of your tenant can give you one of them.
      </p>
    </Empty>
  )
}

/** What was read, or what is to be said until it is there. An error beside what is there already stands above it. */
export function Show<T>({ loaded, children }: { loaded: Loaded<T>; children: (data: T) => ComponentChildren }) {
  const { data, error, loading, reload } = loaded
  return (
    <>
      {error === undefined ? null : <ErrorNote error={error} onRetry={reload} />}
      {data !== undefined ? children(data) : loading ? <Loading /> : null}
    </>
  )
}
