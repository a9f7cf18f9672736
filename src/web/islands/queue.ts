import { roots } from './dom.ts'

const EVERY_MS = 3_000

/**
 * Keeps the jobs of the queue fresh by fetching the page again and exchanging
 * only what changed in each job's line: forms being filled in stay as they are.
 */
function start(root: HTMLElement): void {
  const tick = async (): Promise<void> => {
    if (document.visibilityState === 'visible') await refresh(root)
    setTimeout(() => void tick(), EVERY_MS)
  }
  if (root.querySelector('[data-job]') !== null) setTimeout(() => void tick(), EVERY_MS)
}

async function refresh(root: HTMLElement): Promise<void> {
  let text: string
  try {
    const response = await fetch(location.href, { headers: { accept: 'text/html' } })
    if (!response.ok) return
    text = await response.text()
  } catch {
    // The site is restarting or the network is gone: what is shown stays, and the next turn asks again.
    return
  }
  const fresh = new DOMParser().parseFromString(text, 'text/html')
  for (const job of root.querySelectorAll<HTMLElement>('[data-job]')) {
    const next = fresh.querySelector<HTMLElement>(`[data-job="${CSS.escape(job.dataset['job'] ?? '')}"]`)
    const row = job.closest('.queue-entry')?.querySelector('.row')
    const nextRow = next?.closest('.queue-entry')?.querySelector('.row')
    if (next === null) job.replaceChildren('Decided. Reload the page to see it.')
    else if (next.innerHTML !== job.innerHTML) job.replaceWith(document.adoptNode(next))
    if (row && nextRow && row.innerHTML !== nextRow.innerHTML && !row.contains(document.activeElement))
      row.replaceWith(document.adoptNode(nextRow))
  }
}

for (const root of roots('queue')) start(root)
