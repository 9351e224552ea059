import { useEffect, useId, useState } from 'preact/hooks'
import { Field } from '../components/field.tsx'
import { useLoaded } from '../components/loaded.ts'
import { Empty, Show } from '../components/states.tsx'
import { bodyOf } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import { StatusBadge } from '../status.tsx'
import { useSites, type SiteChoice } from './sites.ts'
import type { Space } from './types.ts'

const typingMs = 250
const offered = 8
const codeBeginning = /^[A-Za-z0-9._~-]{0,64}$/

/** A space and how it is named: `SITE/SPACE`. */
export interface ChosenSpace {
  id: string
  path: string
}

/** Site, then space: type the beginning of its code and choose. */
export function SpacePicker({
  chosen,
  onChoose,
  beginWith = '',
}: {
  chosen: ChosenSpace | undefined
  onChoose: (space: ChosenSpace | undefined) => void
  /** What the code may begin with. */
  beginWith?: string
}) {
  const sites = useSites()
  return (
    <Show loaded={sites}>
      {(items) =>
        items.length === 0 ? (
          <Empty title="There are no sites yet">
            <p>
              Make one with <code>POST /api/v1/sites</code> or <code>baywire import</code> first.
            </p>
          </Empty>
        ) : (
          <SpaceOfSite sites={items} chosen={chosen} onChoose={onChoose} beginWith={beginWith} />
        )
      }
    </Show>
  )
}

function SpaceOfSite({
  sites,
  chosen,
  onChoose,
  beginWith,
}: {
  sites: readonly SiteChoice[]
  chosen: ChosenSpace | undefined
  onChoose: (space: ChosenSpace | undefined) => void
  beginWith: string
}) {
  const [siteId, setSiteId] = useState(sites[0]?.id ?? '')
  const [code, setCode] = useState(beginWith)
  const site = sites.find(({ id }) => id === siteId)
  const isCode = codeBeginning.test(code)
  return (
    <>
      <Field label="Site">
        {(input) => (
          <select
            {...input}
            value={siteId}
            onChange={(event) => {
              setSiteId(event.currentTarget.value)
              onChoose(undefined)
            }}
          >
            {sites.map(({ id, name, code: siteCode }) => (
              <option key={id} value={id}>
                {name} ({siteCode})
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field
        label="Its code begins with"
        error={isCode ? undefined : 'Codes have A-Z a-z 0-9 . _ ~ - alone.'}
        hint={`The first ${offered} that begin so are offered below.`}
      >
        {(input) => (
          <input
            {...input}
            type="text"
            autocomplete="off"
            spellcheck={false}
            maxLength={64}
            value={code}
            onInput={(event) => {
              setCode(event.currentTarget.value)
              onChoose(undefined)
            }}
          />
        )}
      </Field>
      {site === undefined || !isCode ? null : <Offered site={site} code={code} chosen={chosen} onChoose={onChoose} />}
    </>
  )
}

function Offered({
  site,
  code,
  chosen,
  onChoose,
}: {
  site: SiteChoice
  code: string
  chosen: ChosenSpace | undefined
  onChoose: (space: ChosenSpace) => void
}) {
  const { api } = useServices()
  const group = useId()
  const wanted = useSettled(code)
  const spaces = useLoaded(
    (signal) => {
      const query = { site_id: site.id, limit: String(offered), ...(wanted === '' ? {} : { code_prefix: wanted }) }
      return bodyOf(api.spaces.$get({ query }, { init: { signal } }))
    },
    [site.id, wanted],
  )
  return (
    <Show loaded={spaces}>
      {({ items, next }) => (
        <fieldset class="choices">
          <legend>Space</legend>
          {items.length === 0 ? <p class="none">No space of this site has a code that begins so.</p> : null}
          {items.map((space: Space) => (
            <label key={space.id} class="choice">
              <input
                type="radio"
                name={group}
                checked={chosen?.id === space.id}
                onChange={() => onChoose({ id: space.id, path: `${site.code}/${space.code}` })}
              />
              <bdi class="code">{space.code}</bdi>
              {space.name === space.code ? null : <bdi class="fine clipped">{space.name}</bdi>}
              <StatusBadge status={space.state.status} />
            </label>
          ))}
          {next === null ? null : <p class="fine">There are more: type more of the code.</p>}
        </fieldset>
      )}
    </Show>
  )
}

/** What is typed, once nothing more is. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), typingMs)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}

/** Who else stands there. */
export function Neighbours({ space, but }: { space: ChosenSpace; but?: string }) {
  const { api } = useServices()
  const devices = useLoaded(
    (signal) => bodyOf(api.devices.$get({ query: { space_id: space.id, limit: '5' } }, { init: { signal } })),
    [space.id],
  )
  const others = devices.data?.items.filter(({ code }) => code !== but) ?? []
  if (others.length === 0) return null
  return (
    <p class="note" role="status">
      {others.map(({ code }) => code).join(', ')} {others.length === 1 ? 'stands' : 'stand'} there already. Several
      devices may share a space: the newest that one of them says counts.
    </p>
  )
}
