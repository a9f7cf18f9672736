const DRAFT_KEY = 'qal-submit-draft'
const MAX_DRAFT_CHARACTERS = 200_000

type TextField = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement

function isTextField(field: Element): field is TextField {
  if (field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement) return true
  return field instanceof HTMLInputElement && field.type !== 'file' && field.type !== 'hidden'
}

function textFields(form: HTMLFormElement): TextField[] {
  return [...form.elements].filter(isTextField)
}

/** Keeps what is in the form in this browser. */
export function keepDraft(form: HTMLFormElement): void {
  const draft = Object.fromEntries(
    textFields(form).flatMap(({ name, value }) => (name === '' || value === '' ? [] : [[name, value]])),
  )
  const text = JSON.stringify(draft)
  if (text.length > MAX_DRAFT_CHARACTERS) return
  try {
    localStorage.setItem(DRAFT_KEY, text)
  } catch {
    // Storage may be full or forbidden: then there is no draft, and nothing else is lost.
  }
}

/** Brings a kept draft back. */
export function restoreDraft(form: HTMLFormElement): void {
  let draft: unknown
  try {
    draft = JSON.parse(localStorage.getItem(DRAFT_KEY) ?? 'null')
  } catch {
    return
  }
  if (typeof draft !== 'object' || draft === null) return
  const values = new Map<string, unknown>(Object.entries(draft))
  for (const field of textFields(form)) {
    const value = values.get(field.name)
    if (typeof value === 'string') field.value = value
  }
}

export function dropDraft(): void {
  try {
    localStorage.removeItem(DRAFT_KEY)
  } catch {
    // There is no storage, so there is no draft.
  }
}
