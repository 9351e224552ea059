import type { InferResponseType } from 'hono/client'
import { useRef } from 'preact/hooks'
import type { BaywireClient } from '../../../src/api/client.ts'
import type { Outcome } from '../outcomes.ts'
import { bodyOf, newIdempotencyKey } from '../requests/requests.ts'
import { useServices } from '../services.ts'
import type { MessageFilter } from './message-filter.ts'

export type Redrive = InferResponseType<BaywireClient['api']['v1']['redrives']['$get'], 200>['items'][number]

export const deadOutcomes = ['unknown_device', 'unassigned', 'malformed', 'retained'] as const satisfies Outcome[]

export interface Wanted {
  filter: ReturnType<typeof lettersOf>
  execute: boolean
  expected_letters?: number
}

export function lettersOf({ outcomes: wanted, topic, device, from, to }: MessageFilter) {
  return {
    ...(wanted.length === 0 ? {} : { outcome: deadOutcomes.filter((outcome) => wanted.includes(outcome)) }),
    ...(topic === '' ? {} : { topic }),
    ...(device === '' ? {} : { device }),
    ...(from === '' ? {} : { from }),
    ...(to === '' ? {} : { to }),
  }
}

/** The same letters as those of another redrive. */
export function sameLetters({ outcome, device, topic, from, to }: Redrive['filter']): Wanted['filter'] {
  const letters = { device: device ?? '', topic: topic ?? '', from: from ?? '', to: to ?? '', space: '' }
  return lettersOf({ ...letters, outcomes: outcome ?? [] })
}

/** Asks for a redrive and shows it. One that was asked for and not answered is asked for with the same key. */
export function useAsk(): (wanted: Wanted) => Promise<void> {
  const { api, navigation } = useServices()
  const unanswered = useRef<{ what: string; key: string } | undefined>(undefined)
  return async (wanted) => {
    const what = JSON.stringify(wanted)
    if (unanswered.current?.what !== what) unanswered.current = { what, key: newIdempotencyKey() }
    const header = { 'idempotency-key': unanswered.current.key }
    const { id } = await bodyOf(api.redrives.$post({ header, json: { force: false, ...wanted } }))
    unanswered.current = undefined
    navigation.setQuery({ redrive: id })
  }
}
