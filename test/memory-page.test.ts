/** What a model needs, from the file to its page: computed by a verifier, never taken from a claim. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { ListedFile } from '../src/core/events.ts'
import type { VerificationReport } from '../src/core/report.ts'
import { hardwareSentence, tinyLlama, type MemoryNeeds } from '../src/gguf/index.ts'
import { verifyListing } from '../src/verify/pipeline.ts'
import { BASE, openApiSite, type ApiSite } from './api-site.ts'
import { tempDir } from './tools.ts'

describe('when a verifier has read a model', () => {
  let site: ApiSite
  before(async () => {
    site = await openApiSite()
    await site.signUp('alice')
    await site.signUp('checker', 'verifier')
  })
  after(() => site.close())

  const pageOf = async (id: string) => {
    const token = site.tokens['alice'] ?? ''
    const page = await site.app.request(`${BASE}/models/${id}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const html = await page.text()
    const start = html.indexOf('id="memory"')
    assert.ok(start > 0, 'the page has the panel')
    return html
      .slice(start, html.indexOf('</section>', start))
      .replaceAll(/<[^>]*>/g, ' ')
      .replaceAll(/\s+/g, ' ')
  }

  it('shows what it needs on its page, once', async (t) => {
    const submission = await site.submission()
    const { body, status } = await site.call('POST', '/api/submissions', 'alice', submission)
    assert.equal(status, 201, JSON.stringify(body))
    const id = String(body['id'])
    assert.match(await pageOf(id), /not computed yet/)

    const { files } = body['model'] as { files: ListedFile[] }
    const dir = await tempDir(t)
    const report: VerificationReport = await verifyListing(
      { listing_id: id, torrent: Uint8Array.fromBase64(String(submission['torrent'])), files, label: 'Q8_0' },
      {
        name: 'checker',
        workDir: dir,
        fetch: async ({ into }) => {
          const [file] = files
          assert.ok(file !== undefined)
          const diskPath = join(into, file.path)
          // The first model this site's fixture makes.
          await writeFile(diskPath, tinyLlama({ seed: 1, name: 'Model 1', type: 'Q8_0' }))
          return { files: [{ path: file.path, diskPath, size: file.size_bytes }] }
        },
        behaviour: { sandbox: async () => ({ available: false, reason: 'not asked for here' }) },
      },
    )
    const memory = report.inspection?.memory
    assert.ok(memory !== null && memory !== undefined)
    assert.equal(memory.contexts.length, 1)
    assert.match(hardwareSentence(memory satisfies MemoryNeeds) ?? '', /^1 GB|^2 GB/)
    // Integrity that failed says that these were other bytes; what they need is not shown.
    const other = {
      ...report,
      judges: { ...report.judges, integrity: { ...report.judges.integrity, verdict: 'fail' } },
    }
    await site.call('POST', `/api/models/${id}/verifications`, 'checker', other)
    assert.match(await pageOf(id), /not computed yet/)
    const recorded = await site.call('POST', `/api/models/${id}/verifications`, 'checker', report)
    assert.equal(recorded.status, 201, JSON.stringify(recorded.body))
    const text = await pageOf(id)
    assert.match(text, /8 GB 128 12 GB 128/)
    assert.match(text, /128 1 MiB ~1 MiB 3 MiB/)
    assert.match(text, /computed/)
  })
})
