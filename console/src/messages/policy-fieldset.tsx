import { Field } from '../components/field.tsx'
import { useServices } from '../services.ts'
import type { PolicyForm } from './backtest.ts'
import { useDraft } from './draft.ts'

/** Fields of a policy to try; kept in the URL, once one goes on to the next. */
export function PolicyFieldset({
  form,
  errors,
}: {
  form: PolicyForm
  errors: Partial<Record<keyof PolicyForm, string>>
}) {
  const { navigation } = useServices()
  const put = ({ readings, holdS, other }: PolicyForm) =>
    navigation.setQuery({ readings: readings.trim(), hold_s: holdS.trim(), policy: other.trim() })
  const [draft, change] = useDraft(form)
  const field = (name: keyof PolicyForm) => ({
    value: draft[name],
    autocomplete: 'off',
    spellcheck: false,
    onInput: (event: { currentTarget: HTMLInputElement | HTMLTextAreaElement }) =>
      change({ [name]: event.currentTarget.value }),
    onChange: () => put(draft),
  })
  return (
    <fieldset class="policy">
      <legend>Policy to try</legend>
      <div class="filters">
        <Field label="Debounce: readings" hint="identical ones that confirm a change" error={errors.readings}>
          {(input) => <input {...input} {...field('readings')} type="text" inputMode="numeric" class="short" />}
        </Field>
        <Field label="within seconds" hint="or nothing against it for so long" error={errors.holdS}>
          {(input) => <input {...input} {...field('holdS')} type="text" inputMode="decimal" class="short" />}
        </Field>
        <Field label="Other fields, as JSON" hint="such as no_show_after_s, sensor_timeout_s" error={errors.other}>
          {(input) => (
            <textarea
              {...input}
              {...field('other')}
              rows={1}
              class="policy-json code"
              placeholder='{"sensor_timeout_s": 7200}'
            />
          )}
        </Field>
      </div>
      <p class="fine">
        {draft.readings === '' && draft.holdS === '' && draft.other === ''
          ? 'Without any, what was recorded is compared with what the same policy comes to now: nothing should differ.'
          : 'These hold at every space from the beginning of the time on, whatever tenant, site or space said of them.'}
      </p>
    </fieldset>
  )
}
