/** The thread behind `startMd5Thread`: takes chunks, gives their buffers back, answers digests. */
import { createHash, type Hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import type { FromMd5Thread, ToMd5Thread } from './md5-thread.ts'

const port = parentPort
if (port === null) throw new Error('Cannot run md5-worker.ts: expected a worker thread, got the main one')

const running = new Map<number, Hash>()

port.on('message', (message: ToMd5Thread) => {
  let hash = running.get(message.stream)
  if (hash === undefined) {
    hash = createHash('md5')
    running.set(message.stream, hash)
  }
  if (message.type === 'update') {
    hash.update(new Uint8Array(message.buffer, 0, message.length))
    port.postMessage({ type: 'taken', buffer: message.buffer } satisfies FromMd5Thread, [message.buffer])
  } else {
    running.delete(message.stream)
    port.postMessage({
      type: 'digest',
      stream: message.stream,
      hex: hash.digest('hex'),
    } satisfies FromMd5Thread)
  }
})
