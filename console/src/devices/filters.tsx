import { useEffect, useState } from 'preact/hooks'
import { Field } from '../components/field.tsx'
import { useServices } from '../services.ts'

const typingMs = 300
const codeBeginning = /^[A-Za-z0-9._~-]{0,64}$/

/** The beginning of a code, kept in the URL. */
export function CodeFilter() {
  const { navigation } = useServices()
  const inUrl = navigation.place.value.query.get('code') ?? ''
  const [text, setText] = useState(inUrl)
  const isCode = codeBeginning.test(text)
  useEffect(() => setText(inUrl), [inUrl])
  useEffect(() => {
    if (text === inUrl || !isCode) return undefined
    const timer = setTimeout(() => navigation.setQuery({ code: text }), typingMs)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <Field label="Code begins with" error={isCode ? undefined : 'Codes have A-Z a-z 0-9 . _ ~ - alone.'}>
      {(input) => (
        <input
          {...input}
          type="search"
          class="code-filter"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      )}
    </Field>
  )
}

/** One of a few, kept in the URL under `name`; '' is all of them. */
export function ChoiceFilter({
  label,
  name,
  choices,
}: {
  label: string
  name: string
  choices: readonly { value: string; title: string }[]
}) {
  const { navigation } = useServices()
  const value = navigation.place.value.query.get(name) ?? ''
  return (
    <Field label={label}>
      {(input) => (
        <select
          {...input}
          value={choices.some((choice) => choice.value === value) ? value : ''}
          onChange={(event) => navigation.setQuery({ [name]: event.currentTarget.value })}
        >
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.title}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

/** What a URL says of a code, where it can be the beginning of one. */
export function codeOf(query: URLSearchParams): { code_prefix?: string } {
  const code = query.get('code') ?? ''
  return code === '' || !codeBeginning.test(code) ? {} : { code_prefix: code }
}
