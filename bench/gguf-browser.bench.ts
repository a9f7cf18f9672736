/**
 * The same 70B header in Chromium, read by ranges from a server on this machine:
 * parsed strictly and its label proven, against `@huggingface/gguf` parsing it
 * loosely in the same page. Server, browser and page share the machine's cores.
 */
import { cpus } from 'node:os'
import { launchChromium } from '../test/chromium.ts'
import { headerOf, SEVENTY_B } from './gguf-headers.ts'
import { modulesForBrowser, PROVE, serveHeader } from './header-server.ts'

const ROUNDS = 5
const LOOSE = `
import { gguf } from '@huggingface/gguf'
export async function loose(url) {
  const began = performance.now()
  const { tensorInfos } = await gguf(url)
  return { tensors: tensorInfos.length, ms: performance.now() - began }
}`

interface Timed {
  ms: number
}

const large = headerOf(SEVENTY_B, 'Q4_K_M')
const served = await serveHeader(large, await modulesForBrowser(`${PROVE}\n${LOOSE}`))
const browser = await launchChromium()
try {
  const page = await browser.newPage()
  await page.goto(served.url)
  const run = async (name: 'prove' | 'loose') => {
    served.requests = 0
    served.bytes = 0
    const { ms } = await page.evaluate(async (what) => {
      const path: string = '/module.js'
      const module = (await import(path)) as Record<string, (url: string) => Promise<Timed>>
      return (await module[what]?.(`${location.origin}/model-Q4_K_M.gguf`)) ?? { ms: Number.NaN }
    }, name)
    return { ms, requests: served.requests, bytes: served.bytes }
  }
  const times = { prove: [await run('prove')].slice(1), loose: [await run('loose')].slice(1) }
  for (let round = 0; round < ROUNDS; round += 1) {
    times.prove.push(await run('prove'))
    times.loose.push(await run('loose'))
  }
  const median = (name: 'prove' | 'loose') =>
    times[name].map(({ ms }) => ms).toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0
  const last = (name: 'prove' | 'loose') => times[name].at(-1) ?? { requests: 0, bytes: 0 }
  const result = {
    bench: 'gguf-browser',
    header_bytes: large.header.length,
    proven_ms: Math.round(median('prove')),
    loose_ms: Math.round(median('loose')),
    ratio: Math.round((median('prove') / median('loose')) * 1_000) / 1_000,
    requests: last('prove').requests,
    bytes_read: last('prove').bytes,
    loose_requests: last('loose').requests,
    loose_bytes_read: last('loose').bytes,
    chromium: browser.version(),
    cpu: cpus()[0]?.model,
  }
  console.table({
    'parsed strictly and proven': {
      ms: result.proven_ms,
      requests: result.requests,
      bytes: result.bytes_read,
    },
    '@huggingface/gguf, loosely': {
      ms: result.loose_ms,
      requests: result.loose_requests,
      bytes: result.loose_bytes_read,
    },
  })
  console.log(JSON.stringify(result))
} finally {
  await browser.close()
  await served.close()
}
