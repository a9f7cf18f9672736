/** What the tools' roots are in; tests and styles read it from `data-state`. */
export type ToolState = 'idle' | 'waiting' | 'running' | 'match' | 'mismatch' | 'cancelled' | 'error'

export function setState(root: HTMLElement, state: ToolState): void {
  root.dataset['state'] = state
}

/** The element that the server rendered for a purpose; its absence is our own mistake, not the visitor's. */
export function part<Type extends HTMLElement>(root: HTMLElement, name: string, type: new () => Type): Type {
  const found = root.querySelector(`[data-part="${name}"]`)
  if (!(found instanceof type)) throw new TypeError(`Cannot start the island: no part "${name}"`)
  return found
}

/** An element with text; text is never read as markup. */
export function element(tag: string, className: string, ...children: (string | Node)[]): HTMLElement {
  const made = document.createElement(tag)
  if (className !== '') made.className = className
  made.append(...children)
  return made
}

/** Every root of an island on this page. */
export function roots(name: string): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(`[data-island="${name}"]`)]
}

/** The emergency broadcast, as the server draws it: impossible to miss, with what to do. */
export function broadcast(
  slot: HTMLElement,
  { word, from, what, todo }: { word: string; from: string[]; what: string[]; todo: string },
): void {
  const lines = element('p', 'broadcast-from', ...from.map((line) => element('span', '', line)))
  const why = element(
    'div',
    'broadcast-why',
    element('ul', '', ...what.map((line) => element('li', '', line))),
    element('p', '', element('strong', '', todo)),
  )
  const stamp = element('p', `broadcast-word${word.length > 9 ? ' broadcast-long' : ''}`, word)
  slot.replaceChildren(element('div', 'broadcast', element('div', 'broadcast-in', lines, stamp, why)))
  slot.scrollIntoView({ block: 'center', behavior: reducedMotion() ? 'auto' : 'smooth' })
}

function reducedMotion(): boolean {
  return window.matchMedia('(prefers-reduced-motion: reduce)').matches
}

/** A drop zone around a file input: dropping is choosing. */
export function onFile(drop: HTMLElement, input: HTMLInputElement, take: (file: File) => void): void {
  input.addEventListener('change', () => {
    const file = input.files?.[0]
    // Cleared so that choosing the same file again asks again.
    input.value = ''
    if (file !== undefined) take(file)
  })
  drop.addEventListener('dragover', (event) => {
    event.preventDefault()
    drop.classList.add('drop-over')
  })
  drop.addEventListener('dragleave', () => drop.classList.remove('drop-over'))
  drop.addEventListener('drop', (event) => {
    event.preventDefault()
    drop.classList.remove('drop-over')
    const file = event.dataTransfer?.files[0]
    if (file !== undefined) take(file)
  })
}
