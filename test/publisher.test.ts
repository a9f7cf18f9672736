import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { tinyLlama } from '../src/gguf/tiny-llama.ts'
import type { ModelItem } from '../src/web/page-types.ts'
import { startHub, type TestHub } from './hub.ts'
import { qal, runSite, tokenFor, type RunningSite } from './site.ts'
import { tempDir } from './tools.ts'

const COMMIT = 'c0ffee'.padEnd(40, '0')

/**
 * From `create --hf` to a page, on the real site with its real verifier: models
 * that nobody seeds but the Hub, whose signed addresses are bound to the range
 * they were asked for.
 */
describe('when models come from the Hub', () => {
  let hub: TestHub
  let site: RunningSite
  let folder: string
  const undo: (() => void | Promise<void>)[] = []
  const models: Record<string, ModelItem> = {}
  const NAMES = ['equal', 'other', 'branch', 'gone']

  before(async () => {
    const t = { after: (run: () => void | Promise<void>) => void undo.push(run) }
    folder = await tempDir(t)
    hub = await startHub(t, {})
    const files: Record<string, { bytes: Uint8Array; says?: { sha256: string } }> = {}
    hub.repositories['org/repo'] = { commits: { [COMMIT]: files } }
    for (const [seed, name] of NAMES.entries()) {
      const bytes = tinyLlama({ seed: seed + 1, name, type: 'Q8_0' })
      await writeFile(join(folder, `${name}-Q8_0.gguf`), bytes)
      files[`q8/${name}-Q8_0.gguf`] = { bytes, ...(name === 'other' && { says: { sha256: '0'.repeat(64) } }) }
    }
    process.env['QAL_HF_URL'] = hub.url
    site = await runSite()
    for (const name of NAMES) models[name] = await verified(await submit(name))
  })
  after(async () => {
    delete process.env['QAL_HF_URL']
    assert.equal(await site.stop(), 0)
    for (const run of undo) await run()
  })

  /** As its publisher's mirror would: the torrent with the Hub as web seed, and the source it came from. */
  async function submit(name: string): Promise<string> {
    const path = join(folder, `${name}-Q8_0.gguf`)
    const at = `org/repo@${COMMIT}:q8/${basename(path)}`
    const made = await qal(['create', path, '--hf', at, '-o', `${path}.torrent`, '--json'])
    assert.equal(made.code, 0, made.stderr)
    const created = JSON.parse(made.stdout) as {
      files: { sha256: string }[]
      web_seeds: string[]
      source: { repository: string; commit: string; path: string }
    }
    assert.deepEqual(created.web_seeds, [`${hub.url}/org/repo/resolve/${COMMIT}/q8/${basename(path)}`])
    const { repository, commit, path: there } = created.source
    const source = {
      equal: { repository, commit, path: there },
      other: { repository, commit, path: there },
      branch: { url: `https://huggingface.co/org/repo/resolve/main/${there}` },
      gone: { repository, commit: 'd'.repeat(40), path: there },
    }[name]
    const response = await fetch(`${site.url}/api/submissions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await tokenFor(site, 'mirror')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        name: `From the Hub ${name}`,
        torrent: (await readFile(`${path}.torrent`)).toString('base64'),
        sha256: created.files[0]?.sha256,
        quantisation: 'Q8_0',
        source,
      }),
    })
    const body = (await response.json()) as { id: string }
    assert.equal(response.status, 201, JSON.stringify(body))
    return body.id
  }

  async function verified(id: string, times = 1): Promise<ModelItem> {
    const end = Date.now() + 120_000
    for (;;) {
      const model = (await (await fetch(`${site.url}/api/models/${id}`)).json()) as ModelItem
      if (model.verifications.length >= times) return model
      assert.ok(Date.now() < end, `not verified after two minutes:\n${site.output()}`)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }

  const cases: [string, ModelItem['publisher']['state'], string, ModelItem['consensus'], string[]][] = [
    ['equal', 'equal', 'proved', 'VERIFIED', ['local-verifier', 'huggingface']],
    ['other', 'differs', 'contradicted', 'REFUSED', []],
    ['branch', 'unpinned', 'claimed', 'VERIFIED', ['local-verifier']],
    ['gone', 'unknown', 'claimed', 'VERIFIED', ['local-verifier']],
  ]
  for (const [name, state, step, consensus, by] of cases)
    it(`${name}: the publisher’s step is ${step}, and ${by.join(' and ') || 'nobody'} verified`, async () => {
      const model = models[name]
      assert.ok(model)
      assert.equal(model.publisher.state, state, JSON.stringify(model.publisher))
      assert.equal(model.provenance.find(({ step: which }) => which === 'publisher')?.state, step)
      assert.deepEqual([model.consensus, model.verified_by], [consensus, by])
      const report = (await (
        await fetch(`${site.url}/reports/${model.verifications[0]?.report}`)
      ).json()) as {
        fetch: { bytes_from: Record<string, number> }
        judges: { integrity: { checks: { id: string; verdict: string }[] } }
      }
      const verdicts = (id: string): string[] =>
        report.judges.integrity.checks.filter((check) => check.id === id).map(({ verdict }) => verdict)
      const expected = { equal: 'pass', differs: 'fail' } as Record<string, string>
      assert.deepEqual(verdicts('publisher_digest'), [expected[state] ?? 'skipped'])
      assert.deepEqual(verdicts('web_seed'), ['pass'])
      // Nobody else has it: every byte came through the Hub's signed addresses.
      assert.ok((report.fetch.bytes_from['web_seeds'] ?? 0) >= model.size_bytes)
      assert.equal(report.fetch.bytes_from['peers'], 0)
    })

  it('verifies again through a web seed that was put in place of the first', async () => {
    const model = models['branch']
    assert.ok(model)
    const tokens = { mirror: await tokenFor(site, 'mirror'), mona: await tokenFor(site, 'mona', 'moderator') }
    const act = async (as: keyof typeof tokens, path: string, body: object): Promise<void> => {
      const response = await fetch(`${site.url}/api/models/${model.id}/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${tokens[as]}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      assert.ok(response.ok, await response.text())
    }
    const [first = ''] = model.web_seeds
    const second = first.replace('/org/repo/', '/org/mirror/')
    hub.repositories['org/mirror'] = hub.repositories['org/repo'] ?? { commits: {} }
    await act('mirror', 'web-seeds/removal', { url: first })
    await act('mirror', 'web-seeds', { url: second })
    const askedBefore = hub.asked.length
    await act('mona', 'verifications/request', {})
    const again = await verified(model.id, 2)
    assert.deepEqual([again.web_seeds, again.consensus], [[second], 'VERIFIED'])
    assert.deepEqual([again.info_hash, again.info_hash_v2], [model.info_hash, model.info_hash_v2])
    const resolved = hub.asked.slice(askedBefore).filter((line) => line.includes('/resolve/'))
    assert.ok(resolved.length > 0 && resolved.every((line) => line.includes('/org/mirror/')))
  })

  it('asks the Hub for a digest only where a commit and a path are named', () => {
    assert.equal(hub.asked.filter((line) => line.includes('/paths-info/')).length, 3)
  })
})
