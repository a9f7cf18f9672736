/**
 * Runs inside the sandbox: loads one model, generates greedily from a fixed
 * prompt, looks at every logit on the way, and prints one line of JSON, which
 * the parent checks against a schema (src/verify/behaviour.ts).
 *
 * usage: node run.mjs MODEL.gguf [TOKENS [THREADS]]
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const PROMPT = 'The quick brown fox jumps over the lazy dog. Once upon a time'
const CONTEXT_TOKENS = 128
const MAX_PROMPT_TOKENS = 64
const MAX_LOG_LINES = 12

const [modelPath, tokensWanted = '16', threads = '0'] = process.argv.slice(2)
const log = []
let stage = 'start'

try {
  report({ v: 1, ok: true, ...(await run()) })
} catch (error) {
  report({ v: 1, ok: false, stage, message: String(error?.message ?? error).slice(0, 500), log })
}

async function run() {
  // Imported here, so that a broken installation is told apart from a broken model.
  const { getLlama } = await import('node-llama-cpp')
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: 'warn',
    maxThreads: Number(threads),
    logger: (level, message) => {
      if (log.length < MAX_LOG_LINES) log.push(`${level}: ${message.trim().slice(0, 200)}`)
    },
  })
  stage = 'load'
  const loading = performance.now()
  const model = await llama.loadModel({ modelPath, checkTensors: true, useMmap: true })
  const loadSeconds = seconds(loading)

  stage = 'context'
  const context = await model.createContext({ contextSize: CONTEXT_TOKENS, batchSize: CONTEXT_TOKENS })
  const sequence = context.getSequence()
  const prompt = model.tokenize(PROMPT, false).slice(0, MAX_PROMPT_TOKENS)
  if (model.tokens.bos !== null && model.tokens.shouldPrependBosToken) prompt.unshift(model.tokens.bos)
  if (prompt.length === 0) throw new Error('The tokenizer makes no token of the prompt')

  stage = 'generate'
  const prompting = performance.now()
  let next = await step(sequence, prompt, { token: true })
  const promptSeconds = seconds(prompting)
  const tokenIds = [next.token]
  const generating = performance.now()
  while (tokenIds.length < Number(tokensWanted)) {
    next = await step(sequence, [tokenIds.at(-1)], { token: true })
    tokenIds.push(next.token)
  }
  const generateSeconds = seconds(generating)

  // A second pass, so that copying the logits out does not count as the model's speed.
  stage = 'logits'
  await sequence.clearHistory()
  const logits = { checked: 0, not_finite: 0, vocabulary: 0, positions: 0 }
  for (const tokens of [prompt, ...tokenIds.slice(0, -1).map((token) => [token])])
    look(logits, await step(sequence, tokens, { token: true, logits: true }))

  return {
    llama_cpp: {
      release: llama.llamaCppRelease.release,
      build: llama.buildType,
      node_llama_cpp: packageVersion(),
      system: llama.systemInfo.slice(0, 400),
    },
    loaded: true,
    load_seconds: loadSeconds,
    context_tokens: context.contextSize,
    prompt_tokens: prompt.length,
    prompt_seconds: promptSeconds,
    tokens: tokenIds.length,
    token_ids: tokenIds,
    tokens_per_second: rate(tokenIds.length - 1, generateSeconds),
    output_sha256: createHash('sha256').update(model.detokenize(tokenIds, true), 'utf8').digest('hex'),
    logits,
    log,
  }
}

/** Evaluates tokens and returns what the model says comes after the last of them, greedily. */
async function step(sequence, tokens, generateNext) {
  const last = tokens.length - 1
  const input = tokens.map((token, at) =>
    at === last ? [token, { generateNext: { ...generateNext, options: { temperature: 0 } } }] : token,
  )
  const next = (await sequence.controlledEvaluate(input))[last]?.next
  if (typeof next?.token !== 'number') throw new Error('The model gives no next token')
  return next
}

function look(logits, next) {
  logits.positions++
  logits.vocabulary = next.logits.size
  for (const value of next.logits.values()) {
    logits.checked++
    if (!Number.isFinite(value)) logits.not_finite++
  }
}

function seconds(since) {
  return Math.round(performance.now() - since) / 1000
}

function rate(count, time) {
  return time > 0 ? Math.round((count / time) * 100) / 100 : null
}

function packageVersion() {
  return JSON.parse(readFileSync(new URL('node_modules/node-llama-cpp/package.json', import.meta.url)))
    .version
}

/** Ends at once: the native library's own clean-up may hang or abort on a bad model, after the answer is out. */
function report(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
}
