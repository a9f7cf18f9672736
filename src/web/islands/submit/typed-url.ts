import { element } from '../dom.ts'
import { valuesOfHubUrl, type FormValues } from './fill.ts'

/** Reads the address of a source as it is pasted: fills what one of the Hub names, and says below the field whether it is pinned. */
export function readUrlAsTyped(input: HTMLInputElement, fill: (values: FormValues) => void): void {
  const said = element('p', 'field-said quiet-text')
  said.id = `${input.name}-said`
  said.setAttribute('role', 'status')
  input.closest('.field')?.append(said)
  let shown = ''
  input.addEventListener('input', () => {
    const typed = input.value.trim()
    if (typed === shown) return
    shown = typed
    const read = valuesOfHubUrl(typed)
    said.textContent = read?.said ?? ''
    if (read !== null) fill(read.values)
  })
}
