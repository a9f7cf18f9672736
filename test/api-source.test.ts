import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { ListingView } from '../src/core/views.ts'
import { openApiSite, type ApiSite } from './api-site.ts'

const COMMIT = '0123456789abcdef0123456789abcdef01234567'
const REPOSITORY = 'https://huggingface.co/org/repo'
const EMPTY = { repository: null, commit: null, path: null }

/** What a source comes to, and what its publisher's step then says. */
describe('when a submission names its source', () => {
  let site: ApiSite
  before(async () => {
    site = await openApiSite()
    await site.signUp('alice')
  })
  after(() => site.close())

  /** Submits `model-N-Q8_0.gguf`, N counting up from 1. */
  async function shown(source: Record<string, string>): Promise<ListingView> {
    const id = await site.submit('alice', { source })
    return (await site.call('GET', `/api/models/${id}`, null)).body as unknown as ListingView
  }

  const cases: [string, (n: number) => Record<string, string>, Partial<ListingView['source']>, string][] = [
    ['nothing', () => ({}), EMPTY, 'none'],
    ['another site', () => ({ url: 'https://example.org/org/repo' }), EMPTY, 'none'],
    ['a repository’s address', () => ({ url: REPOSITORY }), { ...EMPTY, repository: 'org/repo' }, 'unpinned'],
    [
      'the address of this file at a commit',
      (n) => ({ url: `${REPOSITORY}/resolve/${COMMIT}/q8/model-${n}-Q8_0.gguf` }),
      { repository: 'org/repo', commit: COMMIT },
      'unasked',
    ],
    [
      'the address of a file of another name: what it was made from, perhaps',
      () => ({ url: `${REPOSITORY}/blob/${COMMIT}/model.safetensors` }),
      { repository: 'org/repo', commit: COMMIT, path: null },
      'no_path',
    ],
    [
      'a branch, which pins nothing',
      () => ({ url: `${REPOSITORY}/resolve/main/x.gguf` }),
      { repository: 'org/repo', commit: null },
      'unpinned',
    ],
    [
      'the fields alone',
      () => ({ repository: 'org/repo', commit: COMMIT, path: 'a/b.gguf' }),
      { repository: 'org/repo', commit: COMMIT, path: 'a/b.gguf' },
      'unasked',
    ],
  ]
  for (const [index, [what, source, expected, state]] of cases.entries())
    it(`${what}: ${state}`, async () => {
      const { source: recorded, publisher, provenance, files } = await shown(source(index + 1))
      assert.deepEqual({ ...recorded, ...expected }, recorded)
      if (what.includes('this file')) assert.equal(recorded.path, `q8/${files[0]?.path}`)
      assert.equal(publisher.state, state)
      const step = provenance.find(({ step: name }) => name === 'publisher')
      assert.equal(step?.state, state === 'none' ? undefined : 'claimed')
    })
})
