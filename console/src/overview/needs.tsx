import { ErrorNote } from '../components/states.tsx'
import type { Need } from './attention.ts'

/** What needs somebody, each with the page where it is mended. */
export function Needs({ needs, failed }: { needs: readonly Need[]; failed: Error | undefined }) {
  return (
    <section class="panel needs" aria-labelledby="needs">
      <h2 id="needs">What needs somebody</h2>
      {failed === undefined ? null : <ErrorNote error={failed} />}
      {needs.length === 0 ? (
        <>
          <p class="well">Nothing does.</p>
          <p class="fine">
            Silent devices, low batteries, orphans, dead letters, books that do not balance and jobs that fail stand
            here.
          </p>
        </>
      ) : (
        <ul class="plain">
          {needs.map(({ weight, what, about, href }) => (
            <li key={what} class={`need need-${weight}`}>
              <a href={href}>{what}</a>
              <span class="fine">{about}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
