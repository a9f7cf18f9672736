import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const STOP_WITHIN_MS = 8_000
const RESTART_AFTER_MS = 2_000

/** A helper process of the server: native code that fails there does not take the site down. */
export interface Child {
  send(message: 'changed'): void
  stop(): Promise<void>
}

/**
 * Forks `src/deploy/<name>.ts` with its settings as the first message. It ends
 * itself when its channel closes, so that none is left behind however the
 * server ends; while the server runs it is started again when it falls.
 */
export function startChild(name: 'seeder' | 'verifier', settings: object): Child {
  let stopping = false
  let current = run()

  function run(): ReturnType<typeof fork> {
    const child = fork(fileURLToPath(new URL(`${name}.ts`, import.meta.url)), [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    // A child that fell cannot be told anything; its exit is dealt with below.
    child.on('error', (error) => console.error(`The ${name}:`, error.message))
    child.send(settings, () => {})
    child.on('exit', (code, signal) => {
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

/** What a child's `main` hands back: what to do on a message, and at the end. */
export interface ChildWork {
  changed(): void
  close(): Promise<void>
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
    } else void running.then((it) => it.changed())
  })
  process.once('disconnect', () => {
    void (running ?? Promise.resolve(null)).then((it) => it?.close()).finally(() => process.exit(0))
  })
}
