import type { ComponentChildren } from 'preact'
import type { FormState } from '../page-types.ts'

/** What ties a control to its hint and error. */
export interface ControlAttributes {
  id: string
  name: string
  'aria-describedby': string | undefined
  'aria-invalid': 'true' | undefined
}

interface FieldProps {
  form: FormState
  name: string
  label: string
  hint?: string
  required?: boolean
  wide?: boolean
  children: (control: ControlAttributes, value: string) => ComponentChildren
}

/** One field: label, hint, control and what is wrong with it, tied together for every reader. */
export function Field({ form, name, label, hint, required = false, wide = false, children }: FieldProps) {
  const error = form.errors[name]
  const described = [hint === undefined ? '' : `${name}-hint`, error === undefined ? '' : `${name}-error`]
    .filter((id) => id !== '')
    .join(' ')
  return (
    <div class={`field${wide ? ' field-wide' : ''}${error === undefined ? '' : ' field-wrong'}`}>
      <label for={name}>
        {label}
        {required ? <span class="field-need"> required</span> : null}
      </label>
      {hint === undefined ? null : (
        <p class="field-hint" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      {children(
        {
          id: name,
          name,
          'aria-describedby': described === '' ? undefined : described,
          'aria-invalid': error === undefined ? undefined : 'true',
        },
        form.values[name] ?? '',
      )}
      {error === undefined ? null : (
        <p class="field-error" id={`${name}-error`}>
          {error}
        </p>
      )}
    </div>
  )
}
