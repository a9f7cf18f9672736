import { broadcast, element, onFile, part, roots, setState } from './dom.ts'
import { formatBytes, formatCount } from './format.ts'
import { Cancelled, hashFile, type Digests, type SignatureToCheck } from './hasher.ts'
import { Meter } from './meter.ts'

/** A file of the listing as the server published it. */
interface Expected {
  path: string
  size_bytes: number
  sha256: string
}

/** The listing's signature: where it and its key are, and what the site says of the key. */
interface Signed {
  signature: string
  key: string
  /** Whether the uploader has revoked the key for this file. */
  revoked: boolean
}

/** Brings "Check a file I have" to life: hash a local file in a worker, compare, say exactly what was found. */
function start(root: HTMLElement): void {
  const expected = JSON.parse(root.dataset['expect'] ?? '[]') as Expected[]
  const signed = JSON.parse(root.dataset['signed'] ?? 'null') as Signed | null
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
      const toCheck = signed === null ? null : await fetchSignature(signed, mine.signal)
      const { sha256, signature } = await hashFile(file, {
        signal: mine.signal,
        signed: toCheck,
        progress: (bytes) => meter.show(bytes),
      })
      const same = expected.find((each) => each.sha256 === sha256 && each.size_bytes === file.size)
      if (same === undefined) mismatch(file, sha256)
      else match(file, sha256, same, signature)
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

  function match(file: File, sha256: string, same: Expected, signature: Digests['signature']): void {
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
      ...signatureLines(signed, signature),
      ...attestHint(sha256),
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

/** The signature and key as the site serves them; null where they cannot be had, which the result then says. */
async function fetchSignature(
  { signature, key }: Signed,
  signal: AbortSignal,
): Promise<SignatureToCheck | null> {
  try {
    const [sig, armored] = await Promise.all([fetch(signature, { signal }), fetch(key, { signal })])
    if (!sig.ok || !armored.ok) return null
    return { signature: new Uint8Array(await sig.arrayBuffer()), publicKey: await armored.text() }
  } catch {
    if (signal.aborted) throw new Cancelled('Cancelled')
    // Offline, the checksum still says what it says.
    return null
  }
}

/** What the signature over the very bytes just read is worth, each state in words of its own. */
function signatureLines(signed: Signed | null, found: Digests['signature']): HTMLElement[] {
  if (signed === null) return []
  if (found === null)
    return [element('p', 'tone-warn', 'The signature could not be fetched, so it was not checked.')]
  if (found.state !== 'good')
    return [
      element('p', 'tone-bad', `Signature not good (${found.state.replace('_', ' ')}): ${found.message}.`),
    ]
  if (signed.revoked)
    return [
      element(
        'p',
        'tone-bad',
        'The signature fits these bytes, but its key was revoked: it proves nothing any more.',
      ),
    ]
  return [
    element(
      'p',
      'tone-ok',
      'Good OpenPGP signature over these bytes, by the uploader’s key ',
      element('code', 'mono', found.fingerprint ?? ''),
      '.',
    ),
  ]
}

/** Fills the attestation's form in for who is signed in, and leads there. */
function attestHint(sha256: string): HTMLElement[] {
  const field = document.querySelector('#attest-sha256')
  if (!(field instanceof HTMLInputElement)) return []
  field.value = sha256
  const kind = field.form?.elements.namedItem('kind')
  if (kind instanceof RadioNodeList) kind.value = 'checksum'
  const details = field.closest('details')
  if (details !== null) details.open = true
  const link = document.createElement('a')
  link.href = '#testing'
  link.textContent = 'Attest that the checksum matched'
  return [element('p', '', link, ', so that others see it.')]
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
