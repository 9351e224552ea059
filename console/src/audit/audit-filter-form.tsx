import { useEffect, useId, useState } from 'preact/hooks'
import { Field } from '../components/field.tsx'
import { actorOf, nameOf, type Names } from '../names.ts'
import { useServices } from '../services.ts'
import { filterNames, inputOfTime, isFiltered, timeOfInput, type AuditFilters } from './audit-filters.ts'
import { knownActions, targetKinds } from './sentences.ts'

/** By whom, what, to what, and when: all of it in the URL. */
export function AuditFilterForm({ filters, people }: { filters: AuditFilters; people: Names }) {
  const { navigation } = useServices()
  const id = useId()
  const set = (name: keyof AuditFilters, value: string) => navigation.setQuery({ [name]: value })
  const commands = ['command:baywire user', 'command:baywire tenant', 'command:baywire device']
  const actors = [...people.known.keys(), ...commands, 'system:lockout']
  const known = filters.actor === '' || actors.includes(filters.actor) ? actors : [filters.actor, ...actors]
  return (
    <search class="filters audit-filters">
      <Field label="By">
        {(input) => (
          <select {...input} value={filters.actor} onChange={(event) => set('actor', event.currentTarget.value)}>
            <option value="">Anybody</option>
            {known.map((actor) => (
              <option key={actor} value={actor}>
                {nameOf(actorOf(actor), people)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Action">
        {(input) => (
          <LateInput {...input} value={filters.action} list={`${id}-actions`} onSet={(value) => set('action', value)} />
        )}
      </Field>
      <datalist id={`${id}-actions`}>
        {knownActions.map((action) => (
          <option key={action} value={action} />
        ))}
      </datalist>
      <Field label="Done to">
        {(input) => (
          <LateInput {...input} value={filters.target} list={`${id}-targets`} onSet={(value) => set('target', value)} />
        )}
      </Field>
      <datalist id={`${id}-targets`}>
        {targetKinds.map((kind) => (
          <option key={kind} value={kind} />
        ))}
      </datalist>
      {(['since', 'until'] as const).map((name) => (
        <Field key={name} label={name === 'since' ? 'Since' : 'Until'}>
          {(input) => (
            <input
              {...input}
              type="datetime-local"
              value={inputOfTime(filters[name])}
              onChange={(event) => set(name, timeOfInput(event.currentTarget.value))}
            />
          )}
        </Field>
      ))}
      {isFiltered(filters) ? (
        <button
          type="button"
          onClick={() => navigation.setQuery(Object.fromEntries(filterNames.map((name) => [name, undefined])))}
        >
          Show everything
        </button>
      ) : null}
    </search>
  )
}

/** Not at each letter: when one leaves it, presses Enter, or chooses from the list. */
function LateInput({
  value,
  onSet,
  ...input
}: {
  value: string
  list: string
  id: string
  onSet: (value: string) => void
}) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  return (
    <input
      {...input}
      type="text"
      maxLength={250}
      autocomplete="off"
      spellcheck={false}
      placeholder="any"
      value={text}
      onInput={(event) => setText(event.currentTarget.value)}
      onChange={(event) => onSet(event.currentTarget.value.trim())}
      onKeyDown={(event) => {
        if (event.key === 'Enter') onSet(text.trim())
      }}
    />
  )
}
