/**
 * Runs inside the sandbox: loads one file after another as run.mjs loads one,
 * makes a context and evaluates two tokens. Before each file it prints the
 * file's name and after it how it went, one line of JSON each and at once, so
 * that the parent knows which file a crash belongs to and can go on after it.
 *
 * usage: node load.mjs FOLDER [FIRST [MILLISECONDS]]
 */
import { readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { getLlama } from 'node-llama-cpp'

const CONTEXT_TOKENS = 64
/** Words, characters of two to four bytes, a control and a line break. */
const TEXT = 'the end\u00e9\u4e16\u{1f600}\u0001\n'

const [folder, first = '0', milliseconds = '20000'] = process.argv.slice(2)
const log = []
const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  progressLogs: false,
  logLevel: 'error',
  maxThreads: 1,
  logger: (_level, message) => {
    if (log.length < 4) log.push(message.trim().slice(0, 160))
  },
})

for (const file of readdirSync(folder).toSorted().slice(Number(first))) {
  say({ file, outcome: 'begun' })
  log.length = 0
  const timer = setTimeout(() => {
    say({ file, outcome: 'timeout' })
    // The native thread that hangs would keep an orderly exit waiting.
    process.kill(process.pid, 'SIGKILL')
  }, Number(milliseconds))
  say({ file, ...(await load(join(folder, file))) })
  clearTimeout(timer)
}
process.exit(0)

async function load(modelPath) {
  let stage = 'load'
  let model
  try {
    model = await llama.loadModel({ modelPath, checkTensors: true, useMmap: true })
    stage = 'context'
    const context = await model.createContext({ contextSize: CONTEXT_TOKENS, batchSize: CONTEXT_TOKENS })
    stage = 'generate'
    const tokens = model.tokenize(TEXT, false).slice(0, 16)
    if (tokens.length === 0) tokens.push(0)
    let generated = 0
    for await (const token of context.getSequence().evaluate(tokens, { temperature: 0 })) {
      model.detokenize([token])
      generated += 1
      if (generated === 2) break
    }
    return { outcome: 'ok' }
  } catch (error) {
    return { outcome: 'error', stage, message: `${error?.message ?? error}`.slice(0, 200), log }
  } finally {
    await model?.dispose()
  }
}

function say(line) {
  writeSync(1, `${JSON.stringify(line)}\n`)
}
