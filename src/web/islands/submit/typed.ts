import { element } from '../dom.ts'

/** A line below a field that says what is in it, to see and to hear. */
export function lineBelow(input: HTMLInputElement): HTMLElement {
  const said = element('p', 'field-said quiet-text')
  said.id = `${input.name}-said`
  said.setAttribute('role', 'status')
  input.closest('.field')?.append(said)
  return said
}

/** Calls with what is typed or pasted, without space around it, whenever that is another. */
export function whenTyped(input: HTMLInputElement, take: (typed: string) => void): void {
  let shown = ''
  input.addEventListener('input', () => {
    const typed = input.value.trim()
    if (typed === shown) return
    shown = typed
    take(typed)
  })
}
