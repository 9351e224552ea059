import './site.css'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { PageHeading } from '../components/heading.tsx'
import { useLoaded } from '../components/loaded.ts'
import { Empty, Show } from '../components/states.tsx'
import type { SpaceEvent } from '../live/live.ts'
import type { PageProps } from '../pages.tsx'
import { useServices } from '../services.ts'
import { statuses, statusFaces, StatusLegend, isStatus, type Status } from '../status.tsx'
import { fullTime, localDay } from '../times.ts'
import { Past } from './past.ts'
import { Plan } from './plan.tsx'
import { countStatuses, SiteModel, type ShownState } from './site-model.ts'
import { levelsOf, readSite, type Site, type SiteSpace } from './site-spaces.ts'
import { SpaceDetails } from './space-details.tsx'
import { SpaceList } from './space-list.tsx'
import { periodOf, TimePanel } from './time-panel.tsx'

/** The plan of a site: live, or as it was at any moment. */
export function SitePage({ id }: PageProps) {
  const { api, live } = useServices()
  const loaded = useLoaded(
    async (signal) => {
      // Whatever changes while it is read is heard.
      await live.settled()
      return await readSite(api, { id, signal })
    },
    [id],
  )
  useEffect(() => live.follow({ onReset: loaded.reload }), [])
  const model = useSiteModel(loaded.data?.spaces)
  return (
    <>
      <PageHeading title={loaded.data?.site.name ?? 'Site'} />
      <Show loaded={loaded}>
        {({ site, spaces }) =>
          spaces.length === 0 || model === undefined ? (
            <Empty title="This site has no spaces yet">
              <p>
                Make them with <code>POST /api/v1/spaces</code>, import them with{' '}
                <code>POST /api/v1/spaces/import</code>, or with <code>baywire import</code>.
              </p>
            </Empty>
          ) : (
            <SiteView site={site} spaces={spaces} model={model} />
          )
        }
      </Show>
    </>
  )
}

const all: ReadonlySet<Status> = new Set(statuses)

function SiteView({ site, spaces, model }: { site: Site; spaces: SiteSpace[]; model: SiteModel }) {
  const { navigation, live } = useServices()
  const { query } = navigation.place.value
  const past = usePast(site)
  const levels = useMemo(() => levelsOf(spaces), [spaces])
  const selected = query.get('space') ?? undefined
  const level = levelOf({ levels, spaces, wanted: query.get('level'), selected })
  const ofLevel = useMemo(() => spaces.filter((space) => space.level === level), [spaces, level])
  const [shown, setShown] = useState(all)

  const moment = past.moment.value
  void model.changes.value
  const states = moment === undefined ? model.states : (past.states ?? nothing)
  const chosen = spaces.find(({ id }) => id === selected)
  const at = moment === undefined ? undefined : new Date(moment.atMs).toISOString()
  const select = (spaceId: string | undefined) => navigation.setQuery({ space: spaceId })
  const toggle = (status: Status) =>
    setShown(
      (before) => new Set(before.has(status) ? [...before].filter((each) => each !== status) : [...before, status]),
    )

  return (
    <div class="site">
      <div class="site-plan">
        <div class="site-bar">
          {levels.length < 2 ? null : (
            <div class="levels" role="group" aria-label="Level">
              {levels.map((each) => (
                <button
                  key={each ?? ''}
                  type="button"
                  aria-pressed={each === level}
                  onClick={() => navigation.setQuery({ level: each ?? '-', space: undefined })}
                >
                  <bdi>{each ?? 'No level'}</bdi>
                </button>
              ))}
            </div>
          )}
          <StatusLegend
            counts={countStatuses(
              ofLevel.map(({ id }) => id),
              states,
            )}
            shown={shown}
            onToggle={toggle}
          />
        </div>
        <div class={moment === undefined ? 'plan-frame' : 'plan-frame past'}>
          {moment === undefined ? null : (
            <div class="past-mark">
              As it was at {fullTime(new Date(moment.atMs), site.timezone)}
              <button type="button" onClick={() => past.leave()}>
                Back to live
              </button>
            </div>
          )}
          <Plan
            name={`Plan of ${site.name}${level === null ? '' : `, ${level}`}`}
            spaces={ofLevel}
            states={states}
            shown={shown}
            selected={selected}
            onSelect={select}
          />
        </div>
      </div>
      <TimePanel past={past} timezone={site.timezone} begin={new Date(site.created_at)} />
      <div class="site-side">
        {chosen === undefined ? null : (
          <SpaceDetails
            space={chosen}
            state={states.get(chosen.id)}
            at={at}
            timezone={site.timezone}
            onClose={() => select(undefined)}
          />
        )}
        <SpaceList spaces={ofLevel} states={states} shown={shown} selected={selected} onSelect={select} />
        <p class="unseen" role="status">
          {chosen === undefined || live.state.value !== 'live' ? '' : said(chosen, states.get(chosen.id))}
        </p>
      </div>
    </div>
  )
}

const nothing: ReadonlyMap<string, ShownState> = new Map()

/** The chosen space's level, where it is on another one than the URL names. */
function levelOf({
  levels,
  spaces,
  wanted,
  selected,
}: {
  levels: readonly (string | null)[]
  spaces: readonly SiteSpace[]
  wanted: string | null
  selected: string | undefined
}): string | null {
  const chosen = spaces.find(({ id }) => id === selected)
  if (chosen !== undefined) return chosen.level
  if (wanted !== null && levels.includes(wanted)) return wanted
  return wanted === '-' && levels.includes(null) ? null : (levels[0] ?? null)
}

/** Follows from the first moment on, so that what happens while the spaces are read is not missed. */
function useSiteModel(spaces: SiteSpace[] | undefined): SiteModel | undefined {
  const { live } = useServices()
  const heard = useMemo(() => new Map<string, SpaceEvent>(), [])
  const model = useMemo(() => {
    if (spaces === undefined) return undefined
    const made = new SiteModel(spaces)
    for (const event of heard.values()) made.apply(event)
    return made
  }, [spaces])
  const current = useRef(model)
  current.current = model
  useEffect(() => {
    const onEvent = (event: SpaceEvent) => {
      heard.set(event.space_id, event)
      current.current?.apply(event)
    }
    return live.follow({ onEvent })
  }, [])
  return model
}

/** Begins at the moment of the URL, if it names one; and keeps it there. */
function usePast(site: Site): Past {
  const { api, navigation } = useServices()
  const past = useMemo(() => {
    const of = { timezone: site.timezone, begin: new Date(site.created_at) }
    const made = new Past({ api, siteId: site.id, period: periodOf('', of) })
    const at = Date.parse(navigation.place.peek().query.get('at') ?? '')
    if (!Number.isNaN(at)) {
      if (at < made.period.fromMs) made.setPeriod(periodOf(localDay(new Date(at), site.timezone), of))
      made.seek(at)
    }
    return made
  }, [site.id])
  useEffect(() => () => past.leave(), [past])
  const moment = past.moment.value
  const kept =
    moment === undefined
      ? ''
      : moment.waiting || moment.playing !== undefined
        ? undefined
        : new Date(moment.atMs).toISOString()
  useEffect(() => {
    if (kept !== undefined && kept !== (navigation.place.peek().query.get('at') ?? ''))
      navigation.setQuery({ at: kept })
  }, [kept])
  return past
}

function said({ code }: SiteSpace, state: ShownState | undefined): string {
  const status = state?.status ?? 'unknown'
  return `${code}: ${isStatus(status) ? statusFaces[status].label : status}${state?.stale === true ? ', stale' : ''}`
}
