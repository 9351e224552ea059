import { useEffect, useState } from 'preact/hooks'
import { PageHeading } from '../components/heading.tsx'
import { useLoaded } from '../components/loaded.ts'
import { Empty, Show } from '../components/states.tsx'
import { Age, Time } from '../components/time.tsx'
import type { SpaceEvent } from '../live/live.ts'
import type { PageProps } from '../pages.tsx'
import { Problem } from '../requests/problem.ts'
import { useServices } from '../services.ts'
import { StatusBadge } from '../status.tsx'
import { readSpace, type Site, type Space } from './data.ts'
import { SpaceView } from './space-view.tsx'
import './space.css'

/** One space: what it shows, what it showed, and why. */
export function SpacePage({ id }: PageProps) {
  const { api, live, navigation } = useServices()
  const inPast = navigation.place.value.query.has('at')
  const [heard, setHeard] = useState<readonly SpaceEvent[]>([])
  const loaded = useLoaded(
    async (signal) => {
      // Whatever changes while it is read is heard.
      await live.settled()
      return await readSpace(api, { id, signal })
    },
    [id],
  )
  const [resets, setResets] = useState(0)
  useEffect(
    () =>
      live.follow({
        onEvent: (event) => {
          if (event.space_id === id) setHeard((before) => [...before, event])
        },
        onReset: () => {
          loaded.reload()
          setResets((before) => before + 1)
        },
      }),
    [id],
  )
  if (loaded.data === undefined && isMissing(loaded.error)) return <NoSuchSpace />
  const { space, site } = loaded.data ?? {}
  const state = space === undefined ? undefined : newestOf(space, heard)
  return (
    <>
      <PageHeading title={space?.code ?? 'Space'}>
        {state === undefined ? null : (
          <span class="status-now" role="status">
            <span class={inPast ? 'fine' : 'unseen'}>Now: </span>
            <StatusBadge status={state.status} />
            {state.stale ? <span class="stale-mark">stale</span> : null}
          </span>
        )}
        {state?.since == null ? null : (
          <span class="fine">
            since <Time at={state.since} timezone={site?.timezone} /> (<Age at={state.since} />)
          </span>
        )}
      </PageHeading>
      <Show loaded={loaded}>
        {(data) => (
          <>
            <About {...data} />
            <SpaceView {...data} heard={heard} resets={resets} onChanged={loaded.reload} />
          </>
        )}
      </Show>
    </>
  )
}

function About({ space, site }: { space: Space; site: Site }) {
  return (
    <p class="space-about">
      {space.name === space.code ? null : (
        <span>
          <bdi>{space.name}</bdi>
        </span>
      )}
      <span>
        <a href={`/sites/${site.id}?space=${space.id}`}>
          <bdi>{site.name}</bdi>
        </a>
        {space.level === null ? null : (
          <>
            , level <bdi>{space.level}</bdi>
          </>
        )}
      </span>
      {space.features.length === 0 ? null : <span>{space.features.join(', ')}</span>}
      <span class="fine">Times are those of {site.timezone}</span>
    </p>
  )
}

/** Of two states of a space the one with the higher version is the newer one. */
function newestOf(space: Space, heard: readonly SpaceEvent[]): Pick<Space['state'], 'status' | 'stale' | 'since'> {
  return heard.reduce<Pick<Space['state'], 'status' | 'stale' | 'since' | 'version'>>(
    (newest, { state }) => (state.version > newest.version ? state : newest),
    space.state,
  )
}

function isMissing(error: Error | undefined): boolean {
  return error instanceof Problem && (error.status === 404 || error.errorOf('id') !== undefined)
}

function NoSuchSpace() {
  return (
    <>
      <PageHeading title="No such space" />
      <Empty title="There is no space at this address">
        <p>
          It may have been deleted, or it belongs to another tenant. Look for it by its code above, or go to{' '}
          <a href="/sites">your sites</a>.
        </p>
      </Empty>
    </>
  )
}
