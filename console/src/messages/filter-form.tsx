import { Field } from '../components/field.tsx'
import { outcomeFaces, type Outcome } from '../outcomes.ts'
import { useServices } from '../services.ts'
import { useDraft } from './draft.ts'
import { filterOf, localMoment, momentOf, queryOf, type MessageField, type MessageFilter } from './message-filter.ts'

export interface FilterFormProps {
  /** Outcomes to choose from. */
  offered: readonly Outcome[]
  /** Without a period where it makes none. */
  period?: boolean
  /** Without a space where it is not told apart. */
  space?: boolean
  errors: Partial<Record<MessageField, string>>
  /** On the button. */
  action: string
  /** It was asked for, changed or not. */
  onApply: () => void
  /** On a narrow screen it is out of the way, until somebody opens it. */
  folds?: boolean
}

const topicHint = '+ is one level, # all that follow'

/** Which messages. What is typed goes into the URL once it is applied, so that it can be sent to somebody. */
export function FilterForm({
  offered,
  period = false,
  space = true,
  errors,
  action,
  onApply,
  folds = true,
}: FilterFormProps) {
  const { navigation } = useServices()
  const { query } = navigation.place.value
  const inUrl = filterOf(query)
  const [draft, put] = useDraft(inUrl)
  const apply = (filter: MessageFilter) => {
    navigation.setQuery(trimmed(filter))
    onApply()
  }
  // What one goes on from is meant, without a button; the button is for whoever looks for one, and to ask again.
  const leave = () => navigation.setQuery(trimmed(draft))
  const text = (name: 'topic' | 'device' | 'space') => ({
    type: 'text' as const,
    autocomplete: 'off' as const,
    spellcheck: false,
    value: draft[name],
    onInput: (event: { currentTarget: HTMLInputElement }) => put({ [name]: event.currentTarget.value }),
    onChange: leave,
  })
  const toggle = (outcome: Outcome) => {
    const chosen = new Set(draft.outcomes)
    if (!chosen.delete(outcome)) chosen.add(outcome)
    apply({ ...draft, outcomes: offered.filter((each) => chosen.has(each)) })
  }
  const moment = (name: 'from' | 'to') => ({
    type: 'datetime-local' as const,
    step: 1,
    value: localMoment(draft[name]),
    onBlur: leave,
    onChange: (event: { currentTarget: HTMLInputElement }) =>
      put({ [name]: momentOf(event.currentTarget.value, inUrl[name]) }),
  })
  const form = (
    <form
      class="message-filters"
      onSubmit={(event) => {
        event.preventDefault()
        apply(draft)
      }}
    >
      <div class="filters">
        <Field label="MQTT topic filter" hint={topicHint} error={errors.topic}>
          {(input) => (
            <input {...input} {...text('topic')} class="topic-filter" maxLength={300} placeholder="parking/v1/#" />
          )}
        </Field>
        <Field label="Device" error={errors.device}>
          {(input) => <input {...input} {...text('device')} class="code-filter" maxLength={64} />}
        </Field>
        {space ? (
          <Field label="Space" error={errors.space}>
            {(input) => (
              <input {...input} {...text('space')} class="code-filter" maxLength={130} placeholder="SITE/SPACE" />
            )}
          </Field>
        ) : null}
        {period ? (
          <>
            <Field label="Arrived from" error={errors.from}>
              {(input) => <input {...input} {...moment('from')} />}
            </Field>
            <Field label="and before" error={errors.to}>
              {(input) => <input {...input} {...moment('to')} />}
            </Field>
          </>
        ) : null}
        <button type="submit">{action}</button>
      </div>
      <div class="outcome-filter" role="group" aria-label="What became of them">
        {offered.map((outcome) => (
          <button
            key={outcome}
            type="button"
            class="small"
            title={outcomeFaces[outcome].about}
            aria-pressed={draft.outcomes.includes(outcome)}
            onClick={() => toggle(outcome)}
          >
            {outcomeFaces[outcome].label}
          </button>
        ))}
        {inUrl.outcomes.length === 0 ? <span class="fine">none chosen: all of them</span> : null}
        {errors.outcomes === undefined ? null : <span class="field-error">{errors.outcomes}</span>}
      </div>
    </form>
  )
  if (!folds || !matchMedia('(width <= 700px)').matches) return form
  const isUsed = Object.keys(errors).length > 0 || Object.values(trimmed(inUrl)).some((value) => value !== '')
  return (
    <details class="filter-fold" open={isUsed}>
      <summary>Filter</summary>
      {form}
    </details>
  )
}

function trimmed(filter: MessageFilter): Record<string, string> {
  const query = queryOf(filter)
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, value.trim()]))
}
