import { broadcast, element, onFile, part, roots, setState } from './dom.ts'
import { formatBytes, formatCount } from './format.ts'
import { Cancelled, hashFile } from './hasher.ts'
import { Meter } from './meter.ts'

/** A file of the listing as the server published it. */
interface Expected {
  path: string
  size_bytes: number
  sha256: string
}

/** Brings "Check a file I have" to life: hash a local file in a worker, compare, say exactly what was found. */
function start(root: HTMLElement): void {
  const expected = JSON.parse(root.dataset['expect'] ?? '[]') as Expected[]
  const ask = part(root, 'ask', HTMLElement)
  const drop = part(root, 'drop', HTMLElement)
  const run = part(root, 'run', HTMLElement)
  const result = part(root, 'result', HTMLElement)
  const slot = document.querySelector<HTMLElement>(`#${root.dataset['broadcast'] ?? ''}`)
  let running: AbortController | null = null

  async function check(file: File): Promise<void> {
    running?.abort()
    const mine = new AbortController()
    running = mine
    slot?.replaceChildren()
    result.replaceChildren(...sizeWarning(file, expected))
    run.hidden = false
    setState(root, 'running')
    const meter = new Meter(
      part(root, 'bar', HTMLProgressElement),
      part(root, 'figures', HTMLElement),
      file.size,
    )
    try {
      const { sha256 } = await hashFile(file, { signal: mine.signal, progress: (bytes) => meter.show(bytes) })
      const same = expected.find((each) => each.sha256 === sha256 && each.size_bytes === file.size)
      if (same === undefined) mismatch(file, sha256)
      else match(file, sha256, same)
    } catch (error) {
      // A newer check has taken over the panel.
      if (running !== mine) return
      if (error instanceof Cancelled) {
        setState(root, 'cancelled')
        result.replaceChildren(element('p', '', `Cancelled: ${file.name} was not checked.`))
      } else {
        setState(root, 'error')
        const reason = error instanceof Error ? error.message : String(error)
        result.replaceChildren(
          element('p', 'tone-bad', `Cannot check ${file.name}: ${reason}. Nothing was found out; try again.`),
        )
      }
    } finally {
      if (running === mine) {
        running = null
        run.hidden = true
      }
    }
  }

  function match(file: File, sha256: string, same: Expected): void {
    setState(root, 'match')
    result.replaceChildren(
      element('p', 'result-word tone-ok', 'Match'),
      element(
        'p',
        '',
        `${file.name} is exactly ${same.path} of “${root.dataset['listing'] ?? ''}”: all ${formatCount(file.size)} bytes, SHA-256 `,
        element('code', 'mono', sha256),
        '.',
      ),
    )
  }

  function mismatch(file: File, sha256: string): void {
    setState(root, 'mismatch')
    const wanted = expected[0]
    result.replaceChildren(
      element('p', 'result-word tone-bad', 'Mismatch'),
      element(
        'p',
        '',
        `${file.name} is not this listing’s file. Its SHA-256 is `,
        element('code', 'mono', sha256),
        '.',
      ),
    )
    if (slot !== null && wanted !== undefined)
      broadcast(slot, {
        word: 'Mismatch',
        from: [`File check · ${file.name}`, `Against ${root.dataset['listing'] ?? ''}`],
        what: [
          `Expected SHA-256 ${wanted.sha256}`,
          `Got SHA-256 ${sha256}`,
          file.size === wanted.size_bytes
            ? 'The size is right, the bytes are not: corrupted, or another file.'
            : `Expected ${formatCount(wanted.size_bytes)} bytes, got ${formatCount(file.size)}.`,
        ],
        todo: 'Do not run this file. Let your torrent client check it again (it fetches bad pieces anew), or delete it and download it from here. If it came from elsewhere, trust neither it nor where it came from.',
      })
  }

  onFile(drop, part(root, 'input', HTMLInputElement), (file) => void check(file))
  part(root, 'cancel', HTMLButtonElement).addEventListener('click', () => running?.abort())
  ask.hidden = false
}

/** A wrong size is told at once; hashing goes on, so that the answer names the digest. */
function sizeWarning(file: File, expected: readonly Expected[]): HTMLElement[] {
  if (expected.some(({ size_bytes }) => size_bytes === file.size)) return []
  const wanted = expected[0]?.size_bytes ?? 0
  return [
    element(
      'p',
      'size-warning tone-bad',
      `The size already differs: expected ${formatCount(wanted)} bytes (${formatBytes(wanted)}), this file has ${formatCount(file.size)}. It cannot match; hashing it all the same.`,
    ),
  ]
}

for (const root of roots('check-file')) start(root)
