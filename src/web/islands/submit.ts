import { h, hydrate, render } from 'preact'
import { printable } from '../../gguf/index.ts'
import { broadcast, part, roots } from './dom.ts'
import { LocalView } from './submit/local-view.tsx'
import { dropDraft, keepDraft, restoreDraft } from './submit/draft.ts'
import { Filler, type FilledForm } from './submit/filler.ts'
import type { FormValues } from './submit/fill.ts'
import { LiveCheck } from './submit/live-check.ts'
import { NOTHING, type LocalState } from './submit/state.ts'
import { readAsTyped } from './submit/typed-hash.ts'
import { readUrlAsTyped } from './submit/typed-url.ts'

/** Fills the form from files, holds it against the server's schema and keeps a draft; the form works without it. */
function start(form: HTMLElement): void {
  if (!(form instanceof HTMLFormElement)) return
  if (form.dataset['fresh'] === 'true') restoreDraft(form)
  form.addEventListener('input', () => keepDraft(form))
  const check = new LiveCheck(form)
  // A refused form comes back with its values from the server; the draft is of no more use once sent.
  form.addEventListener('submit', (event) => {
    if (!event.defaultPrevented) dropDraft()
  })
  const torrentField = form.elements.namedItem('torrent')
  const local = part(form, 'local', HTMLElement)
  const root = part(form, 'local-root', HTMLElement)
  const filled = fillable(form, check)
  const filler = new Filler(filled, draw)
  let warned: LocalState['model'] = null

  function draw(state: LocalState): void {
    render(h(LocalView, { state, act: filler }), root)
    if (form instanceof HTMLFormElement) form.dataset['state'] = stateOf(state)
    if (state.model === warned) return
    warned = state.model
    warn(state)
  }

  hydrate(h(LocalView, { state: NOTHING, act: filler }), root)
  local.hidden = false
  document.addEventListener('dragover', (event) => event.preventDefault())
  document.addEventListener('drop', (event) => {
    // A file dropped on the .torrent field itself is that field's.
    if (event.target === torrentField) return
    event.preventDefault()
    filler.take([...(event.dataTransfer?.files ?? [])])
  })
  if (torrentField instanceof HTMLInputElement)
    torrentField.addEventListener('change', () => {
      void filler.chosen(torrentField.files?.[0] ?? null)
      void check.check()
    })
  const hashField = form.elements.namedItem('info_hash')
  if (hashField instanceof HTMLInputElement)
    readAsTyped(hashField, (values) => {
      filled.fill(values)
    })
  const urlField = form.elements.namedItem('source_url')
  if (urlField instanceof HTMLInputElement)
    readUrlAsTyped(urlField, (values) => {
      filled.fill(values)
    })
  form.addEventListener('input', () => filler.review())
  form.addEventListener('change', ({ target }) => {
    if (target instanceof HTMLInputElement && target.name === 'quantisation') void filler.claim()
  })
}

/** The states that tests and styles read. */
function stateOf({ phase, hash }: LocalState): string {
  if (phase === 'failed' || hash.phase === 'failed') return 'error'
  if (hash.phase === 'running' || phase === 'reading') return 'running'
  if (hash.phase === 'cancelled') return 'cancelled'
  return hash.phase === 'done' ? 'filled' : 'idle'
}

/** A file that will be refused is told at once, across the whole page. */
function warn({ model }: LocalState): void {
  const slot = document.querySelector<HTMLElement>('#submit-broadcast')
  if (slot === null) return
  slot.replaceChildren()
  const bad = model?.inspection.findings.filter(
    ({ severity }) => severity === 'reject' || severity === 'mislabelled',
  )
  if (model === null || bad === undefined || bad.length === 0) return
  broadcast(slot, {
    word: model.inspection.verdict === 'mislabelled' ? 'Mislabelled' : 'Refused',
    from: ['Before you send it', printable(model.files[0]?.name ?? '', 80)],
    what: bad.slice(0, 4).map(({ message }) => printable(message, 300)),
    todo:
      model.inspection.verdict === 'mislabelled'
        ? 'Rename the file by what its tensors are and drop it again: a verifier will find the same, and refuse the listing.'
        : 'A verifier will refuse this file. Make it anew with llama.cpp’s own tools, or find out where it came from.',
  })
}

function fillable(form: HTMLFormElement, check: LiveCheck): FilledForm {
  const byUs = new Map<string, string>()
  let attached: File | null = null
  const control = (name: string): HTMLInputElement | null => {
    const found = form.elements.namedItem(name)
    return found instanceof HTMLInputElement ? found : null
  }
  return {
    trackers: JSON.parse(form.dataset['trackers'] ?? '[]') as string[],
    value: (name) => control(name)?.value ?? '',
    fill(values: FormValues) {
      const filled: string[] = []
      for (const [name, value] of Object.entries(values)) {
        const field = control(name)
        // What a person wrote stays as it is.
        if (field === null || value === undefined || (field.value !== '' && field.value !== byUs.get(name)))
          continue
        field.value = value
        byUs.set(name, value)
        filled.push(name)
      }
      keepDraft(form)
      check.filled(filled)
      return filled
    },
    attach(file) {
      const field = control('torrent')
      const there = field?.files?.[0] ?? null
      if (field === null || (there !== null && there !== attached)) return false
      const transfer = new DataTransfer()
      transfer.items.add(file)
      field.files = transfer.files
      attached = field.files[0] ?? null
      return true
    },
  }
}

for (const form of roots('submit')) start(form)
