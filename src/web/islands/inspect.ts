import { h, hydrate, render } from 'preact'
import { roots, setState } from './dom.ts'
import { InspectView } from './inspect/inspect-view.tsx'
import { Inspector } from './inspect/inspector.ts'
import { IDLE, type InspectState } from './inspect/state.ts'

/** Brings the inspector to life: files are read in workers of this page, nothing is uploaded. */
function start(root: HTMLElement): void {
  const inspector = new Inspector(draw)
  function draw(state: InspectState): void {
    root.dataset['phase'] = state.phase
    root.dataset['hash'] = state.hash.phase
    root.dataset['known'] = state.known.phase
    render(h(InspectView, { state, act: inspector }), root)
  }
  hydrate(h(InspectView, { state: IDLE, act: inspector }), root)
  root.hidden = false
  setState(root, 'waiting')
  document.addEventListener('dragover', (event) => event.preventDefault())
  document.addEventListener('drop', (event) => {
    event.preventDefault()
    inspector.take([...(event.dataTransfer?.files ?? [])])
  })
}

for (const root of roots('inspect')) start(root)
