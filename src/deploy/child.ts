import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const STOP_WITHIN_MS = 8_000
const RESTART_AFTER_MS = 2_000

/** A helper process of the server: native code that fails there does not take the site down. */
export interface Child {
  send(message: 'changed'): void
  /** Asks it something that its work knows the answer to; rejects when it does not answer, or ends before. */
  ask(question: unknown, signal: AbortSignal): Promise<unknown>
  stop(): Promise<void>
}

/**
 * Forks `src/deploy/<name>.ts` with its settings as the first message. It ends
 * itself when its channel closes, so that none is left behind however the
 * server ends; while the server runs it is started again when it falls.
 */
export function startChild(name: 'seeder' | 'verifier', settings: object): Child {
  let stopping = false
  const asked = new Map<number, PromiseWithResolvers<unknown>>()
  let questions = 0
  let current = run()

  function run(): ReturnType<typeof fork> {
    const child = fork(fileURLToPath(new URL(`${name}.ts`, import.meta.url)), [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    // A child that fell cannot be told anything; its exit is dealt with below.
    child.on('error', (error) => console.error(`The ${name}:`, error.message))
    child.send(settings, () => {})
    child.on('message', (message) => {
      const { answer, value, error } = message as Answer
      const waiting = asked.get(answer)
      if (error === undefined) waiting?.resolve(value)
      else waiting?.reject(new Error(error))
    })
    child.on('exit', (code, signal) => {
      for (const { reject } of asked.values()) reject(new Error(`the ${name} ended`))
      if (stopping) return
      console.error(`The ${name} ended (${signal ?? code}); starting it again`)
      setTimeout(() => {
        if (!stopping) current = run()
      }, RESTART_AFTER_MS)
    })
    return child
  }

  return {
    send(message) {
      if (current.connected) current.send(message, () => {})
    },
    async ask(question, signal) {
      const id = ++questions
      const waiting = Promise.withResolvers<unknown>()
      const onAbort = () => waiting.reject(signal.reason)
      asked.set(id, waiting)
      signal.addEventListener('abort', onAbort, { once: true })
      if (!current.connected || signal.aborted) waiting.reject(new Error(`the ${name} is not there`))
      else current.send({ id, question } satisfies Question, () => {})
      try {
        return await waiting.promise
      } finally {
        signal.removeEventListener('abort', onAbort)
        asked.delete(id)
      }
    },
    stop() {
      stopping = true
      const child = current
      if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
      return new Promise((resolve) => {
        const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
        child.once('exit', () => {
          clearTimeout(late)
          resolve()
        })
        if (child.connected) child.disconnect()
      })
    },
  }
}

interface Question {
  id: number
  question: unknown
}
interface Answer {
  /** Of which question. */
  answer: number
  value?: unknown
  error?: string
}

/** What a child's `main` hands back: what to do on a message, and at the end. */
export interface ChildWork {
  changed(): void
  /** Answers what the server asks; without it nothing is answered. */
  answer?(question: unknown): Promise<unknown>
  close(): Promise<void>
}

async function reply(running: Promise<ChildWork>, { id, question }: Question): Promise<void> {
  let answer: Answer
  try {
    const work = await running
    if (!work.answer) throw new Error('no answers here')
    answer = { answer: id, value: await work.answer(question) }
  } catch (error) {
    answer = { answer: id, error: error instanceof Error ? error.message : 'unknown failure' }
  }
  if (process.connected) process.send?.(answer, undefined, undefined, () => {})
}

/**
 * The other side: gives the settings to `main`, which returns what to do on a
 * message and at the end. Ctrl-C reaches the whole process group; the server
 * decides when its children end.
 */
export function runChild(main: (settings: never) => Promise<ChildWork>): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  let running: Promise<ChildWork> | null = null
  process.on('message', (message) => {
    if (running === null) {
      running = main(message as never)
      running.catch((error: unknown) => {
        console.error(error)
        process.exit(1)
      })
    } else if (message === 'changed') void running.then((it) => it.changed())
    else void reply(running, message as Question)
  })
  process.once('disconnect', () => {
    void (running ?? Promise.resolve(null)).then((it) => it?.close()).finally(() => process.exit(0))
  })
}
