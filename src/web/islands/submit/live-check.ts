import { element } from '../dom.ts'

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement

/**
 * Holds the form against the server's schema as it is filled in: an error stands
 * beside its field once that was left, and goes as soon as it is mended. What
 * remains when the form is sent is the server's to judge.
 */
export class LiveCheck {
  readonly #form: HTMLFormElement
  readonly #left = new Set<string>()
  #checking: typeof import('./check.ts') | null = null

  constructor(form: HTMLFormElement) {
    this.#form = form
    form.addEventListener('focusout', ({ target }) => {
      const control = asControl(target)
      if (control === null || control.value === '') return
      this.#left.add(control.name)
      void this.check()
    })
    form.addEventListener('input', ({ target }) => {
      const control = asControl(target)
      if (control !== null && this.#left.has(control.name)) void this.check()
    })
    form.addEventListener('submit', (event) => {
      // The schema has not been fetched: the server answers with the same errors.
      if (this.#checking === null) return
      const wrong = Object.keys(this.#errors(this.#checking))
      for (const name of wrong) this.#left.add(name)
      this.#show(this.#checking)
      const [first] = wrong
      if (first === undefined) return
      event.preventDefault()
      asControl(form.elements.namedItem(first))?.focus()
    })
  }

  /** Looks at what a file filled in as if it had been typed and left. */
  filled(names: readonly string[]): void {
    for (const name of names) this.#left.add(name)
    void this.check()
  }

  async check(): Promise<void> {
    // Fetched when a field is first left: the schema is most of this page's script.
    this.#checking ??= await import('./check.ts')
    this.#show(this.#checking)
  }

  #errors({ checkForm }: typeof import('./check.ts')): Record<string, string> {
    const fields: Record<string, string> = {}
    for (const [name, value] of new FormData(this.#form)) if (typeof value === 'string') fields[name] = value
    const torrent = this.#form.elements.namedItem('torrent')
    const hasTorrent = torrent instanceof HTMLInputElement && (torrent.files?.length ?? 0) > 0
    return checkForm(fields, hasTorrent)
  }

  #show(checking: typeof import('./check.ts')): void {
    const errors = this.#errors(checking)
    for (const name of this.#left) {
      const control = asControl(this.#form.elements.namedItem(name))
      if (control !== null) showError(control, errors[name] ?? null)
    }
  }
}

/** Shows what is wrong with a field as the server does, tied to it for every reader; null takes it away. */
export function showError(control: Control, error: string | null): void {
  const field = control.closest('.field')
  if (field === null) return
  const id = `${control.name}-error`
  const shown = field.querySelector<HTMLElement>('.field-error')
  const described = (control.getAttribute('aria-describedby') ?? '')
    .split(' ')
    .filter((each) => each !== id && each !== '')
  field.classList.toggle('field-wrong', error !== null)
  if (error === null) {
    shown?.remove()
    control.removeAttribute('aria-invalid')
    setOrRemove(control, 'aria-describedby', described.join(' '))
    return
  }
  const line = shown ?? element('p', 'field-error')
  line.id = id
  if (line.textContent !== error) line.textContent = error
  if (shown === null) field.append(line)
  control.setAttribute('aria-invalid', 'true')
  control.setAttribute('aria-describedby', [...described, id].join(' '))
}

function setOrRemove(control: Control, name: string, value: string): void {
  if (value === '') control.removeAttribute(name)
  else control.setAttribute(name, value)
}

function asControl(target: unknown): Control | null {
  const isControl =
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  return isControl && target.type !== 'file' && target.name !== '' ? target : null
}
