import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { h } from 'preact'
import type { Browser } from 'playwright-core'
import { launchChromium } from '../../../test/chromium.ts'
import { buildClient } from '../../../test/fixtures/client.ts'
import { model, SIGNED_IN } from '../../../test/fixtures/listing-fixtures.ts'
import { modelPage } from '../../../test/fixtures/page-fixtures.ts'
import { servePages, type PageServer } from '../../../test/fixtures/page-server.ts'
import { hasTool, requireTool } from '../../../test/tools.ts'
import type { SignatureView } from '../../core/views.ts'
import { generateSigningKey, signDetached, type SigningKey } from '../../sign/keys.ts'
import { ModelPage, renderPage } from '../pages/index.ts'

it('has Chromium to check signatures in', (t) => {
  requireTool(t, 'chromium')
})

const bytes = randomBytes(3_000_001)
const sha256 = createHash('sha256').update(bytes).digest('hex')
const CHECK = '[data-island="check-file"]'

describe('a signed listing whose file is checked in Chromium (T14)', { skip: !hasTool('chromium') }, () => {
  let browser: Browser
  let server: PageServer
  let client: Awaited<ReturnType<typeof buildClient>>
  let own: SigningKey
  let other: SigningKey
  /** What the site serves in this case. */
  let served: { signature: string | null; key: string; state: SignatureView['state'] }

  before(async () => {
    own = await generateSigningKey({ name: 'Owner', email: 'owner@example.org' })
    other = await generateSigningKey({ name: 'Other', email: 'other@example.org' })
    client = await buildClient()
    server = await servePages(client.directory, (path) => {
      if (path === '/model') return page()
      if (path.endsWith('.sig')) return served.signature
      return path.startsWith('/keys/') ? served.key : null
    })
    browser = await launchChromium()
  })
  after(async () => {
    await browser.close()
    await server.close()
    await client.remove()
  })

  function page(): string {
    const listing = model({
      sha256,
      size_bytes: bytes.length,
      files: [
        { path: 'm.gguf', size_bytes: bytes.length, sha256, md5: null, pieces_root: null, role: 'model' },
      ],
      signature: { state: served.state, fingerprint: own.fingerprint, blob: 'ab'.repeat(32) },
    })
    const props = modelPage(listing)
    return renderPage(
      h(ModelPage, {
        ...props,
        context: { ...props.context, ...SIGNED_IN },
        may: { ...props.may, rate: true },
      }),
    )
  }

  const cases: [what: string, made: () => Promise<typeof served>, said: RegExp, tone: string][] = [
    [
      'a good one by the uploader’s key',
      async () => ({ signature: await signDetached(bytes, own), key: own.public_key, state: 'good' }),
      /Good OpenPGP signature over these bytes/,
      'tone-ok',
    ],
    [
      'one over another file',
      async () => ({
        signature: await signDetached(bytes.subarray(1), own),
        key: own.public_key,
        state: 'good',
      }),
      /Signature not good \(bad\)/,
      'tone-bad',
    ],
    [
      'one by another key',
      async () => ({ signature: await signDetached(bytes, other), key: own.public_key, state: 'good' }),
      /Signature not good \(unknown key\)/,
      'tone-bad',
    ],
    [
      'one whose key was revoked',
      async () => ({ signature: await signDetached(bytes, own), key: own.public_key, state: 'revoked' }),
      /its key was revoked/,
      'tone-bad',
    ],
    [
      'one that is none',
      async () => ({ signature: 'not a signature', key: own.public_key, state: 'good' }),
      /Signature not good \(bad\): Cannot read the signature/,
      'tone-bad',
    ],
    [
      'one that is not there',
      async () => ({ signature: null, key: own.public_key, state: 'good' }),
      /could not be fetched, so it was not checked/,
      'tone-warn',
    ],
  ]
  for (const [what, made, said, tone] of cases)
    it(`says what ${what} is worth, and that the bytes match`, async () => {
      served = await made()
      const tab = await browser.newPage()
      const faults: string[] = []
      tab.on('pageerror', (error) => faults.push(error.message))
      await tab.goto(`${server.url}/model`)
      await tab.setInputFiles(`${CHECK} input[type=file]`, {
        name: 'm.gguf',
        mimeType: 'application/octet-stream',
        buffer: bytes,
      })
      await tab.waitForSelector(`${CHECK}[data-state=match]`, { timeout: 20_000 })
      const line = tab.locator(`${CHECK} [data-part=result] p.${tone}`, { hasText: said })
      assert.equal(await line.count(), 1, await tab.innerText(`${CHECK} [data-part=result]`))
      if (tone !== 'tone-ok') assert.ok(!(await tab.innerText(CHECK)).includes('Good OpenPGP'))
      // Who is signed in finds the attestation filled in.
      assert.equal(await tab.inputValue('#attest-sha256'), sha256)
      assert.deepEqual(faults, [])
      await tab.close()
    })
})
