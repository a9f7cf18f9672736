/** A header of the size real models have, at the end of a wire. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headerOf, SEVENTY_B } from '../../bench/gguf-headers.ts'
import { modulesForBrowser, PROVE, serveHeader } from '../../bench/header-server.ts'
import { launchChromium } from '../../test/chromium.ts'
import { requireTool } from '../../test/tools.ts'
import { openRangeSource, requestByFetch } from '../core/range-source.ts'
import { inspect, parseGguf } from './index.ts'

const MIB = 1024 * 1024
const FILE = 'model-Q4_K_M.gguf'
const MOST_REQUESTS = 12

test('a 70B header takes few requests and at most 1 MiB more than itself', async (t) => {
  const served = await serveHeader(headerOf(SEVENTY_B, 'Q4_K_M'))
  t.after(() => served.close())
  const source = await openRangeSource(
    requestByFetch(`${served.url}/${FILE}`, (url, init) => fetch(url, init)),
  )
  const header = await parseGguf(source)
  assert.equal(header.tensors.length, 724)
  assert.ok(served.bytes <= header.headerBytes + MIB, `${served.bytes} for ${header.headerBytes}`)
  assert.ok(served.requests <= MOST_REQUESTS, `${served.requests} requests`)
  const { quantisation, verdict } = await inspect(source, { fileName: FILE, sampleBytes: 0 })
  assert.equal(verdict, 'accept')
  assert.equal(quantisation?.reason, '724 of 724 tensors match Q4_K_M')
})

test('the same in Chromium, with the same code', async (t) => {
  if (!requireTool(t, 'chromium')) return
  const large = headerOf(SEVENTY_B, 'Q4_K_M')
  const served = await serveHeader(large, await modulesForBrowser(PROVE))
  t.after(() => served.close())
  const browser = await launchChromium()
  t.after(() => browser.close())
  const page = await browser.newPage()
  await page.goto(served.url)
  const found = await page.evaluate(async (file) => {
    const path: string = '/module.js'
    const { prove } = (await import(path)) as {
      prove: (url: string) => Promise<{ match: string; reason: string }>
    }
    const { match, reason } = await prove(`${location.origin}/${file}`)
    return { match, reason }
  }, FILE)
  assert.deepEqual(found, { match: 'exact', reason: '724 of 724 tensors match Q4_K_M' })
  assert.ok(served.bytes <= large.header.length + MIB, `${served.bytes} for ${large.header.length}`)
  assert.ok(served.requests <= MOST_REQUESTS, `${served.requests} requests`)
})
