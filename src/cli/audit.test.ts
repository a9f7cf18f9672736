import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import { openApiSite, type ApiSite } from '../../test/api-site.ts'
import { qal } from '../../test/site.ts'

interface Audit {
  equal: boolean
  events: number
  models: number
  members: number
  differences: { subject: string; field: string; published: string; computed: string }[]
}

/** Sets what a path such as `a.b.0` names. */
function setIn(object: unknown, path: string, value: unknown): void {
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  let at = object as Record<string, unknown>
  for (const key of keys) at = at[key] as Record<string, unknown>
  at[last] = value
}

const audit = async (where: string): Promise<{ code: number | null; audit: Audit }> => {
  const { code, stdout } = await qal(['audit', where, '--json'])
  return { code, audit: JSON.parse(stdout) as Audit }
}

const inModels = (change: (models: Record<string, unknown>[]) => void) => (text: string) => {
  const document = JSON.parse(text) as { models: Record<string, unknown>[] }
  change(document.models)
  return JSON.stringify(document)
}

describe('qal audit', () => {
  let site: ApiSite
  let server: Server
  let url: string
  let dir: string
  /** The documents of the site as files, whole. */
  let whole: string
  let listing: string

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'qal-audit-'))
    site = await openApiSite()
    for (const handle of ['alice', 'bob', 'carol']) await site.signUp(handle)
    await site.signUp('mod', 'moderator')
    listing = await site.submit('alice')
    const other = await site.submit('alice')
    await site.submit('bob')
    const act = (id: string, path: string, as: string, body: object) =>
      site.call('POST', `/api/models/${id}/${path}`, as, body)
    for (const id of [listing, other]) await act(id, 'review', 'mod', { decision: 'approve' })
    await act(listing, 'ratings', 'bob', { stars: 4 })
    await act(listing, 'ratings', 'carol', { stars: 1 })
    await act(listing, 'comments', 'bob', { text: 'Good' })
    await act(other, 'review', 'mod', { decision: 'remove', reason: 'Broken' })
    const listener = getRequestListener(site.app.fetch)
    server = createServer((request, response) => void listener(request, response))
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    whole = join(dir, 'whole')
    await mkdir(join(whole, 'ledger'), { recursive: true })
    const save = async (path: string, name = path) =>
      writeFile(join(whole, name), await (await fetch(`${url}/${path}`)).text())
    await save('models.json')
    await save('members.json')
    await save('ledger/', 'ledger/index.json')
    await save('ledger/000001.jsonl')
  })
  after(async () => {
    server.close()
    await site.close()
    await rm(dir, { recursive: true, force: true })
  })

  /** A copy of the documents in which one was changed. */
  async function tampered(path: string, change: (text: string) => string): Promise<string> {
    const copy = await mkdtemp(join(dir, 'copy-'))
    await cp(whole, copy, { recursive: true })
    const original = await readFile(join(copy, path), 'utf8')
    const changed = change(original)
    assert.notEqual(changed, original)
    await writeFile(join(copy, path), changed)
    return copy
  }

  it('confirms a site, a folder and a data folder', async () => {
    for (const where of [url, `${url}/`, whole, site.data]) {
      const { code, audit: found } = await audit(where)
      assert.deepEqual([code, found.equal, found.models, found.differences], [0, true, 1, []], where)
      assert.equal(found.members, 4)
    }
    const { stdout } = await qal(['audit', url])
    assert.match(stdout, /All of it follows from the ledger/)
  })

  const lies: [what: string, field: string, value: unknown][] = [
    ['a better badge', 'tier', 'official'],
    ['a verdict that nobody gave', 'consensus', 'VERIFIED'],
    ['a judge that never spoke', 'verification.form', 'pass'],
    ['a better rating', 'community.rating_centi', 500],
    ['a rating too many', 'community.ratings', 3],
    ['a comment that was not made', 'community.comments', 2],
    ['another file', 'sha256', '0'.repeat(64)],
    ['a verifier who was not there', 'verified_by.0', 'huggingface'],
    ['an uploader of another tier', 'uploader.tier', 'trusted'],
    ['a field left out', 'status', undefined],
  ]
  for (const [what, field, value] of lies)
    it(`finds ${what}`, async () => {
      const copy = await tampered(
        'models.json',
        inModels(([model]) => setIn(model, field, value)),
      )
      const { code, audit: found } = await audit(copy)
      assert.deepEqual([code, found.equal], [3, false])
      assert.deepEqual([...new Set(found.differences.map((each) => each.field))], [field])
    })

  const lists: [what: string, change: (models: Record<string, unknown>[]) => void][] = [
    ['a listing left out', (models) => void models.pop()],
    ['a listing twice', (models) => void models.push({ ...models[0] })],
    ['a listing that was removed', (models) => void models.push({ ...models[0], id: '0'.repeat(26) })],
  ]
  for (const [what, change] of lists)
    it(`finds ${what}`, async () => {
      const { code, audit: found } = await audit(await tampered('models.json', inModels(change)))
      assert.deepEqual([code, found.differences.map(({ field }) => field)], [3, ['id']])
    })

  it('finds a member of a better tier, and a policy that is not in force', async () => {
    const promoted = await tampered('members.json', (text) =>
      text.replace('"tier":"unverified"', '"tier":"trusted"'),
    )
    assert.deepEqual(
      (await audit(promoted)).audit.differences.map(({ field }) => field),
      ['tier'],
    )
    const lax = await tampered('models.json', (text) => text.replace('"site_seq":', '"site_seq":7'))
    const { code, audit: found } = await audit(lax)
    assert.deepEqual([code, found.differences.map(({ field }) => field)], [3, ['policy.site_seq']])
  })

  const broken: [what: string, path: string, change: (text: string) => string][] = [
    [
      'a ledger with an event changed',
      'ledger/000001.jsonl',
      (text) => text.replace('"stars":1', '"stars":5'),
    ],
    [
      'an index that names another digest',
      'ledger/index.json',
      (text) => text.replace(/(?<="sha256":")./, (digit) => (digit === '0' ? '1' : '0')),
    ],
    [
      'a document of an event that the ledger lacks',
      'models.json',
      (text) => text.replace(/"last":"01/, '"last":"02'),
    ],
    ['a document that is none', 'members.json', () => '[]'],
    ['no JSON', 'models.json', () => '<html>'],
  ]
  for (const [what, path, change] of broken)
    it(`refuses ${what}`, async () => {
      const { code, stdout } = await qal(['audit', await tampered(path, change), '--json'])
      assert.equal(code, 4, stdout)
      assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, 'ledger_published')
    })

  it('says how it is used', async () => {
    assert.equal((await qal(['audit', join(dir, 'nowhere')])).code, 2)
    assert.equal((await qal(['audit', 'http://127.0.0.1:9'])).code, 1)
    assert.equal((await qal(['audit', `${url}/nothing-here`])).code, 4)
  })
})
