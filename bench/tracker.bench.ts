/**
 * How many announces a second does the embedded tracker answer? Peers in the
 * same run: bittorrent-tracker's own server, opentracker (no WebSocket), and as
 * the limit of who asks a server that answers without reading. Loopback, each
 * tracker alone in a process of its own; every announce is of another peer.
 */
import { cpus } from 'node:os'
import { startOpenTracker } from '../test/opentracker.ts'
import { hasTool } from '../test/tools.ts'
import { announceHttp, announceSockets, announceUdp, someHashes, type Load } from './tracker-load.ts'
import { cleaner, cpuSeconds, median, startProcess, type Cleaner } from './trackers.ts'

const SCALE = Number(process.argv[2] ?? 1)
const ROUNDS = Number(process.argv[3] ?? 3)
const hashes = someHashes(1_000)
interface Protocol {
  announce: (load: Load) => Promise<number>
  count: number
}

const protocols: Record<string, Protocol> = {
  udp: { announce: announceUdp, count: 60_000 * SCALE },
  http: { announce: announceHttp, count: 6_000 * SCALE },
  ws: { announce: announceSockets, count: 20_000 * SCALE },
}
const trackers = ['own', 'bittorrent-tracker', 'opentracker', 'bare'].filter((kind) => {
  const there = kind !== 'opentracker' || hasTool('opentracker')
  if (!there) console.log('opentracker is not installed: left out')
  return there
})

interface Measured {
  perSecond: number
  /** Of the tracker's own process, for each announce: what other work on the machine changes least. */
  cpuMicroseconds: number
}

/** Announces to a tracker that has just started: what one round leaves behind slows no other. */
async function measure(kind: string, { announce, count }: Protocol): Promise<Measured> {
  const cleanUp = cleaner()
  try {
    const { port, pid } =
      kind === 'opentracker' ? await openTracker(cleanUp) : await startProcess(cleanUp, kind)
    // Code is compiled as it is used; that is not what is asked here.
    await announce({ port, hashes, count: Math.ceil(count / 10) })
    const cpu = await cpuSeconds(pid)
    const began = performance.now()
    const lost = await announce({ port, hashes, count })
    if (lost > count / 100) throw new Error(`${kind} left ${lost} of ${count} unanswered`)
    const perSecond = (count - lost) / ((performance.now() - began) / 1_000)
    return { perSecond, cpuMicroseconds: (((await cpuSeconds(pid)) - cpu) / count) * 1e6 }
  } finally {
    await cleanUp.clean()
  }
}

async function openTracker(cleanUp: Cleaner): Promise<{ port: number; pid: number }> {
  const { http, pid } = await startOpenTracker(cleanUp, hashes)
  return { port: Number(new URL(http).port), pid }
}

const rows: Record<string, unknown>[] = []
const only = process.argv[4]
for (const [protocol, how] of Object.entries(protocols)) {
  if (only !== undefined && only !== protocol) continue
  const all: Record<string, Measured[]> = {}
  for (let round = 0; round < ROUNDS; round++)
    for (const kind of trackers) {
      if (protocol === 'ws' && (kind === 'opentracker' || kind === 'bare')) continue
      ;(all[kind] ??= []).push(await measure(kind, how))
    }
  const of = (kind: string, what: keyof Measured) => median((all[kind] ?? []).map((each) => each[what]))
  for (const kind of Object.keys(all))
    rows.push({
      protocol,
      tracker: kind,
      'announces/s': Math.round(of(kind, 'perSecond')),
      'own is times this': (of('own', 'perSecond') / of(kind, 'perSecond')).toFixed(2),
      'CPU µs each': of(kind, 'cpuMicroseconds').toFixed(1),
      'own takes times this': (of('own', 'cpuMicroseconds') / of(kind, 'cpuMicroseconds')).toFixed(2),
    })
}
console.log(`median of ${ROUNDS}, ${cpus().length} × ${cpus()[0]?.model}`)
console.table(rows)
