import type { Torrent, TorrentFile } from 'webtorrent/dist/webtorrent.min.js'
import { BlobStore } from './blob-store.ts'
import { broadcast, element, part, roots, setState } from './dom.ts'
import { formatBytes, formatCount } from './format.ts'
import { Cancelled, Hasher } from './hasher.ts'
import { Meter } from './meter.ts'

const MAX_TORRENT_BYTES = 16_000_000

interface Wanted {
  name: string
  size: number
  sha256: string
  listing: string
}

/** Brings "Download here" to life: WebTorrent after a click, SHA-256 as pieces arrive, saved only on a match. */
function start(root: HTMLElement): void {
  const { dataset } = root
  const wanted: Wanted = {
    name: dataset['name'] ?? 'model.gguf',
    size: Number(dataset['size']),
    sha256: dataset['sha256'] ?? '',
    listing: dataset['listing'] ?? '',
  }
  const trackers = (JSON.parse(dataset['trackers'] ?? '[]') as string[]).filter((url) =>
    /^wss?:\/\//.test(url),
  )
  const ask = part(root, 'ask', HTMLElement)
  const run = part(root, 'run', HTMLElement)
  const result = part(root, 'result', HTMLElement)
  const slot = document.querySelector<HTMLElement>(`#${dataset['broadcast'] ?? ''}`)
  let running: AbortController | null = null
  let saved: string | null = null

  async function download(): Promise<void> {
    const mine = new AbortController()
    running = mine
    if (saved !== null) URL.revokeObjectURL(saved)
    saved = null
    slot?.replaceChildren()
    result.replaceChildren()
    ask.hidden = true
    run.hidden = false
    setState(root, 'waiting')
    const meter = new Meter(
      part(root, 'bar', HTMLProgressElement),
      part(root, 'figures', HTMLElement),
      wanted.size,
    )
    try {
      const torrent = await fetchTorrent(dataset['torrent'] ?? '', mine.signal)
      const { blob, sha256 } = await fetchFile(torrent, trackers, wanted, {
        signal: mine.signal,
        progress: (bytes, peers) => {
          setState(root, peers === 0 && bytes === 0 ? 'waiting' : 'running')
          meter.show(bytes, peersWord(peers))
        },
      })
      if (sha256 === wanted.sha256 && blob.size === wanted.size) match(blob)
      else mismatch(sha256)
    } catch (error) {
      ask.hidden = false
      if (error instanceof Cancelled || mine.signal.aborted) {
        setState(root, 'cancelled')
        result.replaceChildren(element('p', '', 'Cancelled: nothing was kept.'))
      } else {
        setState(root, 'error')
        const reason = error instanceof Error ? error.message : String(error)
        result.replaceChildren(
          element('p', 'tone-bad', `Cannot download here: ${reason}. The magnet works in a torrent client.`),
        )
      }
    } finally {
      running = null
      run.hidden = true
    }
  }

  function match(blob: Blob): void {
    setState(root, 'match')
    saved = URL.createObjectURL(blob)
    const link = element('a', 'button button-main button-file', `Save ${wanted.name}`)
    link.setAttribute('href', saved)
    link.setAttribute('download', wanted.name)
    result.replaceChildren(
      element('p', 'result-word tone-ok', 'Match'),
      element(
        'p',
        '',
        `This is exactly “${wanted.listing}”: all ${formatCount(wanted.size)} bytes, SHA-256 `,
        element('code', 'mono', wanted.sha256),
        '.',
      ),
      link,
    )
  }

  function mismatch(sha256: string): void {
    setState(root, 'mismatch')
    ask.hidden = false
    result.replaceChildren(
      element('p', 'result-word tone-bad', 'Mismatch'),
      element('p', '', 'What the swarm sent is not this listing’s file. It cannot be saved.'),
    )
    if (slot !== null)
      broadcast(slot, {
        word: 'Mismatch',
        from: ['Download here', `Against ${wanted.listing}`],
        what: [`Expected SHA-256 ${wanted.sha256}`, `Got SHA-256 ${sha256}`],
        todo: 'The torrent does not hold the file that is listed. Nothing was saved. Do not fetch it another way; report this listing.',
      })
  }

  part(root, 'start', HTMLButtonElement).addEventListener('click', () => void download())
  part(root, 'cancel', HTMLButtonElement).addEventListener('click', () => running?.abort())
  ask.hidden = false
}

function peersWord(peers: number): string {
  if (peers === 0) return 'looking for peers'
  return `${peers} ${peers === 1 ? 'peer' : 'peers'}`
}

async function fetchTorrent(url: string, signal: AbortSignal): Promise<Uint8Array> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`the .torrent answered ${response.status}`)
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (bytes.byteLength > MAX_TORRENT_BYTES)
    throw new Error(
      `the .torrent has ${formatBytes(bytes.byteLength)}, expected at most ${formatBytes(MAX_TORRENT_BYTES)}`,
    )
  return bytes
}

/** Downloads one file of a torrent while hashing it in order; ends the client in every case. */
async function fetchFile(
  torrentBytes: Uint8Array,
  announce: string[],
  wanted: Wanted,
  { signal, progress }: { signal: AbortSignal; progress: (bytes: number, peers: number) => void },
): Promise<{ blob: Blob; sha256: string }> {
  // Only now, after the click, is the client fetched at all.
  const { default: WebTorrent } = await import('webtorrent/dist/webtorrent.min.js')
  if (!WebTorrent.WEBRTC_SUPPORT) throw new Error('this browser has no WebRTC')
  signal.throwIfAborted()
  const client = new WebTorrent({
    dht: false,
    lsd: false,
    utPex: false,
    tracker: { rtcConfig: { iceServers: [] } },
  })
  let store: BlobStore | null = null
  // WebTorrent makes the store itself, once it knows the piece length.
  function StoreOnce(chunkLength: number): BlobStore {
    store = new BlobStore(chunkLength)
    return store
  }
  let timer = 0
  const failed = new Promise<never>((_, reject) => {
    client.on('error', (error) => reject(error instanceof Error ? error : new Error(error)))
    signal.addEventListener('abort', () => reject(new Cancelled('Cancelled')), { once: true })
  })
  try {
    const torrent = client.add(torrentBytes, { announce, store: StoreOnce })
    await Promise.race([failed, ready(torrent)])
    const file = chooseFile(torrent, wanted)
    timer = window.setInterval(() => progress(file.downloaded, torrent.numPeers), 250)
    const sha256 = await Promise.race([failed, hashInOrder(file, signal)])
    progress(file.length, torrent.numPeers)
    if (store === null) throw new Error('the download has no store')
    return { blob: (store as BlobStore).file(file.offset, file.length), sha256 }
  } finally {
    clearInterval(timer)
    // The Blob made above keeps its bytes; the client's own references go.
    client.destroy()
  }
}

function ready(torrent: Torrent): Promise<void> {
  return new Promise((resolve, reject) => {
    torrent.on('ready', resolve)
    torrent.on('error', (error) => reject(error instanceof Error ? error : new Error(error)))
  })
}

/** The listed file among the torrent's own; the others are not fetched. */
function chooseFile(torrent: Torrent, wanted: Wanted): TorrentFile {
  const fits = torrent.files.filter(({ length }) => length === wanted.size)
  const file = fits.find(({ name }) => name === wanted.name) ?? fits[0]
  if (file === undefined) throw new Error(`the torrent holds no file of ${formatCount(wanted.size)} bytes`)
  for (const other of torrent.files) if (other !== file) other.deselect()
  file.select()
  return file
}

/** Hashes verified pieces in their order, each as soon as it and all before it are there. */
async function hashInOrder(file: TorrentFile, signal: AbortSignal): Promise<string> {
  const hasher = new Hasher(signal)
  await hasher.begin()
  for await (const piece of file) await hasher.chunk(piece)
  const { bytes, sha256 } = await hasher.end()
  // The iterator also ends where the client is gone: a part must not be judged as the whole.
  if (bytes !== file.length) throw new Error(`the download ended at ${bytes} of ${file.length} bytes`)
  return sha256
}

for (const root of roots('download-here')) start(root)
