import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { Dialog } from '../components/dialog.tsx'
import { Field } from '../components/field.tsx'
import { ErrorNote } from '../components/states.tsx'
import { Problem, Unreachable } from '../requests/problem.ts'
import { bodyOf, isProblem, newIdempotencyKey } from '../requests/requests.ts'
import { useServices, type Services } from '../services.ts'
import { instantOfWall, wallTime, type Window } from '../zone-times.ts'
import { InTheWay } from './in-the-way.tsx'
import { toldHere } from './reservation-actions.tsx'
import type { Reservation } from './reservation-view.ts'

export interface SiteChoice {
  id: string
  name: string
  timezone: string
}

interface Wanted {
  siteId: string
  /** A space by its code; otherwise any with these features. */
  by: 'space' | 'features'
  code: string
  features: string
  start: string
  end: string
  vehicle: string
  hold: boolean
}

/** What was refused: why, and for which space and time. */
interface Refused {
  error: Error
  spaceId?: string | undefined
  window?: Window | undefined
}

const quarterMs = 15 * 60_000

/** Books a space, or any that has what is asked for. */
export function NewReservation({
  sites,
  siteId,
  onMade,
  onClose,
}: {
  sites: readonly SiteChoice[]
  siteId: string | undefined
  onMade: (made: Reservation) => void
  onClose: () => void
}) {
  const { api } = useServices()
  const [wanted, setWanted] = useState<Wanted>(() => firstWish(sites, siteId))
  const [refused, setRefused] = useState<Refused>()
  const [busy, setBusy] = useState(false)
  /** One key for one wish: what was sent and not answered may be sent again. */
  const key = useRef(newIdempotencyKey())
  const timezone = sites.find(({ id }) => id === wanted.siteId)?.timezone
  const change = (changes: Partial<Wanted>) => {
    setWanted((before) => ({ ...before, ...changes }))
    key.current = newIdempotencyKey()
  }
  const book = async (event?: Event) => {
    event?.preventDefault()
    setBusy(true)
    setRefused(undefined)
    const asked: Omit<Refused, 'error'> = {}
    try {
      const window = windowOfWish(wanted, timezone)
      asked.window = window
      const where = await placeOf(api, wanted)
      if ('space_id' in where) asked.spaceId = where.space_id
      const vehicle = wanted.vehicle.trim()
      const json = {
        ...where,
        start: window.from.toISOString(),
        end: window.to.toISOString(),
        ...(vehicle === '' ? {} : { vehicle }),
        ...(wanted.hold ? { hold: true } : {}),
      }
      onMade(await bodyOf(api.reservations.$post({ json, header: { 'idempotency-key': key.current } })))
      onClose()
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      // What was refused is another wish the next time: the space may be free then.
      if (!(error instanceof Unreachable)) key.current = newIdempotencyKey()
      setRefused({ ...asked, error: toldHere(error, timezone) })
      setBusy(false)
    }
  }
  const said = (path: string) => {
    const { error } = refused ?? {}
    if (error instanceof WrongField && error.field === path) return error.message
    return error instanceof Problem ? error.errors.find((one) => one.path.split('.')[0] === path)?.message : undefined
  }
  const { error } = refused ?? {}
  return (
    <Dialog title="New reservation" onClose={onClose}>
      <form onSubmit={(event) => void book(event)}>
        <WishFields sites={sites} wanted={wanted} change={change} said={said} timezone={timezone} />
        {error === undefined || error instanceof WrongField ? null : <ErrorNote error={error} />}
        {isProblem(error, 'conflict') && refused?.spaceId !== undefined && refused.window !== undefined ? (
          <InTheWay
            spaceId={refused.spaceId}
            window={refused.window}
            timezone={timezone}
            onTake={({ from, to }) => change({ start: wallTime(from, timezone), end: wallTime(to, timezone) })}
          />
        ) : null}
        <div class="dialog-actions">
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="primary" disabled={busy}>
            {busy ? 'Working…' : wanted.hold ? 'Hold' : 'Book'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function firstWish(sites: readonly SiteChoice[], siteId: string | undefined): Wanted {
  const site = sites.find(({ id }) => id === siteId) ?? sites[0]
  const start = new Date(Math.ceil(Date.now() / quarterMs) * quarterMs)
  return {
    siteId: site?.id ?? '',
    by: 'space',
    code: '',
    features: '',
    start: wallTime(start, site?.timezone),
    end: wallTime(new Date(start.getTime() + 4 * quarterMs), site?.timezone),
    vehicle: '',
    hold: false,
  }
}

function WishFields({
  sites,
  wanted,
  change,
  said,
  timezone,
}: {
  sites: readonly SiteChoice[]
  wanted: Wanted
  change: (changes: Partial<Wanted>) => void
  said: (path: string) => string | undefined
  timezone: string | undefined
}) {
  const name = useId()
  const codes = useCodes(wanted)
  const ways = [
    ['space', 'A space by its code'],
    ['features', 'Any space with features'],
  ] as const
  const zone = timezone === undefined ? undefined : `Time of ${timezone}`
  return (
    <>
      <Field label="Site" error={said('site_id')}>
        {(input) => (
          <select {...input} value={wanted.siteId} onChange={(event) => change({ siteId: event.currentTarget.value })}>
            {sites.map((site) => (
              <option key={site.id} value={site.id}>
                {site.name}
              </option>
            ))}
          </select>
        )}
      </Field>
      <fieldset class="ways">
        <legend>What</legend>
        {ways.map(([by, label]) => (
          <label key={by} class="way">
            <input type="radio" name={name} checked={wanted.by === by} onChange={() => change({ by })} /> {label}
          </label>
        ))}
      </fieldset>
      {wanted.by === 'space' ? (
        <Field label="Space" error={said('space_id')} hint="Its code, such as A-017">
          {(input) => (
            <>
              <input
                {...input}
                type="text"
                required
                maxLength={64}
                autocomplete="off"
                spellcheck={false}
                list={`${name}-codes`}
                value={wanted.code}
                onInput={(event) => change({ code: event.currentTarget.value })}
              />
              <datalist id={`${name}-codes`}>
                {codes.map((code) => (
                  <option key={code} value={code} />
                ))}
              </datalist>
            </>
          )}
        </Field>
      ) : (
        <Field
          label="Features"
          error={said('features')}
          hint="With commas between them, such as ev, disabled; none for any space"
        >
          {(input) => (
            <input
              {...input}
              type="text"
              autocomplete="off"
              value={wanted.features}
              onInput={(event) => change({ features: event.currentTarget.value })}
            />
          )}
        </Field>
      )}
      <div class="side-by-side">
        <Field label="From" error={said('start')} hint={zone}>
          {(input) => (
            <input
              {...input}
              type="datetime-local"
              required
              value={wanted.start}
              onInput={(event) => change({ start: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field label="To" error={said('end')}>
          {(input) => (
            <input
              {...input}
              type="datetime-local"
              required
              value={wanted.end}
              onInput={(event) => change({ end: event.currentTarget.value })}
            />
          )}
        </Field>
      </div>
      <Field label="Vehicle" error={said('vehicle')} hint="Its number plate; may be left out">
        {(input) => (
          <input
            {...input}
            type="text"
            maxLength={32}
            autocomplete="off"
            value={wanted.vehicle}
            onInput={(event) => change({ vehicle: event.currentTarget.value })}
          />
        )}
      </Field>
      <label class="check">
        <input
          type="checkbox"
          checked={wanted.hold}
          onChange={(event) => change({ hold: event.currentTarget.checked })}
        />
        Only hold it, until it is confirmed
      </label>
    </>
  )
}

const typingMs = 250
const codePattern = /^[\w.~-]{1,64}$/

/** Codes that begin as what was typed does. */
function useCodes({ siteId, by, code }: Wanted): readonly string[] {
  const { api } = useServices()
  const [codes, setCodes] = useState<readonly string[]>([])
  useEffect(() => {
    if (by !== 'space' || siteId === '' || !codePattern.test(code)) return setCodes([])
    const abort = new AbortController()
    const search = async () => {
      const query = { site_id: siteId, code_prefix: code, limit: '12' }
      const { items } = await bodyOf(api.spaces.$get({ query }, { init: { signal: abort.signal } }))
      if (!abort.signal.aborted) setCodes(items.map((space) => space.code))
    }
    const timer = setTimeout(() => void search().catch(() => {}), typingMs)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [siteId, by, code])
  return codes
}

/** What the page itself has against a field. */
class WrongField extends Error {
  readonly field: string

  constructor(field: string, message: string) {
    super(message)
    this.field = field
  }
}

function windowOfWish({ start, end }: Wanted, timezone: string | undefined): Window {
  const from = instantOfWall(start, timezone)
  const to = instantOfWall(end, timezone)
  if (from === undefined) throw new WrongField('start', 'is no time')
  if (to === undefined) throw new WrongField('end', 'is no time')
  if (to <= from) throw new WrongField('end', 'must be later than the beginning')
  return { from, to }
}

async function placeOf(
  api: Services['api'],
  { siteId, by, code, features }: Wanted,
): Promise<{ space_id: string } | { site_id: string; features?: string[] }> {
  if (by === 'features') {
    const wanted = features.split(/[\s,]+/).filter((word) => word !== '')
    return { site_id: siteId, ...(wanted.length === 0 ? {} : { features: [...new Set(wanted)] }) }
  }
  const exact = code.trim()
  if (!codePattern.test(exact)) throw new WrongField('space_id', 'is no code of a space')
  const { items } = await bodyOf(api.spaces.$get({ query: { site_id: siteId, code_prefix: exact, limit: '1' } }))
  const found = items[0]
  // Ordered by code: the shortest that begins so is the first.
  if (found?.code !== exact) throw new WrongField('space_id', `There is no space ${exact} at this site.`)
  return { space_id: found.id }
}
