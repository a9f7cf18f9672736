import { onFile, part, roots } from './dom.ts'
import { formatBytes } from './format.ts'
import { Cancelled, hashFile } from './hasher.ts'
import { Meter } from './meter.ts'

const DRAFT_KEY = 'qal-submit-draft'
const MAX_DRAFT_CHARACTERS = 200_000

/** Keeps a draft in this browser and fills size and digests from a local file; the form works without it. */
function start(form: HTMLElement): void {
  if (!(form instanceof HTMLFormElement)) return
  if (form.dataset['fresh'] === 'true') restore(form)
  form.addEventListener('input', () => keep(form))
  // A refused form comes back with its values from the server; the draft is of no more use once sent.
  form.addEventListener('submit', () => localStorage.removeItem(DRAFT_KEY))
  fillFromFile(form)
}

type TextField = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement

function isTextField(field: Element): field is TextField {
  if (field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement) return true
  return field instanceof HTMLInputElement && field.type !== 'file' && field.type !== 'hidden'
}

function textFields(form: HTMLFormElement): TextField[] {
  return [...form.elements].filter(isTextField)
}

function keep(form: HTMLFormElement): void {
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

function restore(form: HTMLFormElement): void {
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

function fillFromFile(form: HTMLFormElement): void {
  const run = part(form, 'run', HTMLElement)
  const result = part(form, 'result', HTMLElement)
  let running: AbortController | null = null

  function set(name: string, value: string): void {
    const field = form.elements.namedItem(name)
    if (field instanceof HTMLInputElement) field.value = value
  }

  async function fill(file: File): Promise<void> {
    running?.abort()
    const mine = new AbortController()
    running = mine
    run.hidden = false
    form.dataset['state'] = 'running'
    result.textContent = ''
    const meter = new Meter(
      part(form, 'bar', HTMLProgressElement),
      part(form, 'figures', HTMLElement),
      file.size,
    )
    try {
      const { bytes, sha256, md5 } = await hashFile(file, {
        signal: mine.signal,
        md5: true,
        progress: (done) => meter.show(done),
      })
      set('size_bytes', String(bytes))
      set('sha256', sha256)
      set('md5', md5 ?? '')
      keep(form)
      form.dataset['state'] = 'filled'
      result.textContent = `Filled in size, SHA-256 and MD5 of ${file.name} (${formatBytes(bytes)}).`
    } catch (error) {
      if (running !== mine) return
      form.dataset['state'] = error instanceof Cancelled ? 'cancelled' : 'error'
      const reason = error instanceof Error ? error.message : String(error)
      result.textContent = error instanceof Cancelled ? 'Cancelled.' : `Cannot read ${file.name}: ${reason}.`
    } finally {
      if (running === mine) {
        running = null
        run.hidden = true
      }
    }
  }

  onFile(part(form, 'drop', HTMLElement), part(form, 'input', HTMLInputElement), (file) => void fill(file))
  part(form, 'cancel', HTMLButtonElement).addEventListener('click', () => running?.abort())
  part(form, 'local', HTMLElement).hidden = false
}

for (const form of roots('submit')) start(form)
