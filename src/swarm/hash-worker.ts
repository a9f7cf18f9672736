/**
 * One thread of a lane (see hash-paths.ts). It holds the chains it was given, each
 * of which must see every chunk in order, and takes leaves when they have
 * nothing to do: so that no core waits while another has work left.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { createDigestStep, createPiecesStep, type Step } from './hash-chains.ts'
import { createLeavesStep } from './hash-leaves.ts'
import { ChangedFile, createReadStep } from './hash-reader.ts'
import { CONTROL, openRing } from './hash-ring.ts'
import type { FromThread, LaneWork } from './hash-paths.ts'

const port = parentPort
if (port === null) throw new Error('Cannot run hash-worker.ts: expected a worker thread, got the main one')

const work = workerData as LaneWork
const ring = openRing(work.ring)

// What was read last is still in this core's cache: its digests come before the next read, and leaves last.
const steps: Step[] = work.chains
  .filter((chain) => chain !== 'read')
  .map((chain) => (chain === 'sha1' ? createPiecesStep(ring, work) : createDigestStep(ring, work, chain)))
if (work.chains.includes('read')) steps.push(createReadStep(ring, work, port))
if (work.pieces !== null && !work.pieces.v1) steps.push(createLeavesStep(ring, work))

try {
  for (;;) {
    const change = Atomics.load(ring.control, CONTROL.change)
    const outcome = step()
    if (outcome === 'ended') break
    if (outcome === 'idle') Atomics.wait(ring.control, CONTROL.change, change)
  }
  port.postMessage({ type: 'ended' } satisfies FromThread)
} catch (error) {
  port.postMessage(asMessage(error))
}
port.close()

/** Does one step of the first chain that can go on. */
function step(): ReturnType<Step> {
  let ended = true
  for (const next of steps) {
    const outcome = next()
    if (outcome === 'went on') {
      Atomics.add(ring.control, CONTROL.change, 1)
      Atomics.notify(ring.control, CONTROL.change)
      return outcome
    }
    ended &&= outcome === 'ended'
  }
  return ended ? 'ended' : 'idle'
}

/** An error as text: its class does not survive the way to another thread. */
function asMessage(error: unknown): FromThread {
  if (error instanceof ChangedFile) return { type: 'changed', index: error.index, found: error.found }
  const { message, code } = error as NodeJS.ErrnoException
  return { type: 'failed', message, code }
}
