import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { QalError } from '../src/core/error.ts'
import { nodeHashes } from '../src/swarm/node-hashes.ts'
import { parseMagnet } from '../src/torrent/magnet.ts'
import { parseMetainfo, type Metainfo } from '../src/torrent/metainfo.ts'
import { createApp } from '../src/web/app.ts'
import type { ModelItem } from '../src/web/page-types.ts'
import { BASE, openApiSite, type ApiSite } from './api-site.ts'

const SEED = 'https://mirror.example/model.gguf'

/** Adding and removing web seeds of a listing: who may, and what then changes and what does not (T16). */
describe('when a web seed is added later', () => {
  let site: ApiSite
  before(async () => {
    site = await openApiSite()
    for (const handle of ['alice', 'bob']) await site.signUp(handle)
    await site.signUp('mona', 'moderator')
  })
  after(() => site.close())

  const add = (id: string, url: string, as: string | null = 'alice') =>
    site.call('POST', `/api/models/${id}/web-seeds`, as, { url })
  const remove = (id: string, url: string, as = 'alice') =>
    site.call('POST', `/api/models/${id}/web-seeds/removal`, as, { url })
  const seedsOf = async (id: string): Promise<string[]> =>
    ((await site.call('GET', `/api/models/${id}`, null)).body as unknown as ModelItem).web_seeds

  async function bytesOf(id: string, kind = ''): Promise<Buffer> {
    const response = await site.app.request(`${BASE}/models/${id}${kind}.torrent`)
    assert.equal(response.status, 200)
    return Buffer.from(await response.arrayBuffer())
  }
  const torrentOf = async (id: string): Promise<Metainfo> => parseMetainfo(await bytesOf(id), nodeHashes)

  it('carries it in the .torrent, the magnets and models.json, and touches no hash', async () => {
    const id = await site.submit('alice')
    const [first, bytes, client] = [await torrentOf(id), await bytesOf(id), await bytesOf(id, '.client')]
    const added = await add(id, SEED)
    assert.equal(added.status, 201, JSON.stringify(added.body))
    const later = await torrentOf(id)
    assert.deepEqual([first.web_seeds, later.web_seeds], [[], [SEED]])
    assert.deepEqual([later.info_hash, later.info_hash_v2], [first.info_hash, first.info_hash_v2])
    assert.deepEqual(Buffer.from(later.infoBytes), Buffer.from(first.infoBytes))
    // The whole files are those of before with this one entry in them: `info`, `piece layers` and all the rest.
    const entry = `8:url-listl${SEED.length}:${SEED}e`
    for (const [kind, was] of [
      ['', bytes],
      ['.client', client],
    ] as const)
      assert.equal((await bytesOf(id, kind)).toString('latin1').replace(entry, ''), was.toString('latin1'))

    const model = (await site.call('GET', `/api/models/${id}`, null)).body as unknown as ModelItem
    for (const magnet of [model.magnet, model.magnet_v1])
      assert.deepEqual(parseMagnet(magnet ?? '').webSeeds, [SEED])
    assert.equal(parseMagnet(model.magnet_v1 ?? '').infoHashV2, null)
    assert.notEqual(parseMagnet(model.magnet ?? '').infoHashV2, null)

    assert.equal((await remove(id, SEED)).status, 200)
    assert.deepEqual(await bytesOf(id), bytes)
  })

  it('changes nothing for what is there already, or is not', async () => {
    const id = await site.submit('alice')
    await add(id, SEED)
    const events = await site.stores.ledger.head()
    assert.equal((await add(id, SEED)).status, 201)
    assert.equal((await remove(id, 'https://never.example/x')).status, 200)
    assert.equal(await site.stores.ledger.head(), events)
  })

  it('is for the uploader and for moderators, and a moderator’s removal stands', async () => {
    const id = await site.submit('alice')
    assert.deepEqual([(await add(id, SEED, null)).status, (await add(id, SEED, 'bob')).status], [401, 403])
    assert.equal((await add(id, SEED, 'mona')).status, 201)
    assert.equal((await remove(id, SEED, 'bob')).status, 403)
    assert.equal((await remove(id, SEED, 'mona')).status, 200)
    assert.equal((await add(id, SEED)).status, 403)
    assert.deepEqual(await seedsOf(id), [])
    assert.equal((await add(id, SEED, 'mona')).status, 201)
    assert.deepEqual(await seedsOf(id), [SEED])
  })

  it('is refused on a listing that was withdrawn', async () => {
    const id = await site.submit('alice')
    assert.equal((await site.call('POST', `/api/models/${id}/withdrawal`, 'alice', {})).status, 200)
    assert.equal((await add(id, SEED)).status, 422)
  })

  const bad: [string, string][] = [
    ['no URL', 'mirror'],
    ['another scheme', 'ftp://mirror.example/model.gguf'],
    ['a script', 'javascript:alert(1)'],
    ['a password', 'https://me:secret@mirror.example/model.gguf'],
    ['a quote', 'https://mirror.example/"><b>.gguf'],
    ['letters that are not escaped', 'https://mirror.example/mödel.gguf'],
    ['too much', `https://mirror.example/${'x'.repeat(2_000)}`],
    ['nothing', ' '],
  ]
  it('refuses what is no web seed, and names the field', async () => {
    const id = await site.submit('alice')
    for (const [what, url] of bad) {
      const { status, body } = await add(id, url)
      assert.deepEqual([status, body['field']], [422, 'url'], what)
    }
    assert.deepEqual(await seedsOf(id), [])
  })

  it('refuses addresses that nobody else can reach', async () => {
    const id = await site.submit('alice')
    const app = createApp({
      ...site.stores,
      hash: nodeHashes,
      site: { name: 'x', baseUrl: BASE, demo: false, loopback: false, trackers: [] },
      checkAddress: () => Promise.reject(new QalError('swarm_address_refused', 'Cannot connect to x')),
    })
    const response = await app.request(`${BASE}/api/models/${id}/web-seeds`, {
      method: 'POST',
      headers: { authorization: `Bearer ${site.tokens['alice']}`, 'content-type': 'application/json' },
      body: JSON.stringify({ url: 'http://192.168.0.1/model.gguf' }),
    })
    assert.equal(response.status, 422)
    assert.equal(((await response.json()) as { field: string }).field, 'url')
    assert.deepEqual(await seedsOf(id), [])
  })

  it('bounds how many there are', async () => {
    const id = await site.submit('alice')
    for (let n = 0; n < 50; n++) assert.equal((await add(id, `${SEED}?${n}`)).status, 201)
    assert.equal((await add(id, SEED)).status, 422)
    assert.equal((await remove(id, `${SEED}?7`)).status, 200)
    assert.equal((await add(id, SEED)).status, 201)
    // A link has no room for all; the .torrent does.
    const model = (await site.call('GET', `/api/models/${id}`, null)).body as unknown as ModelItem
    assert.ok((model.magnet ?? '').length < 20_000)
    assert.equal((await torrentOf(id)).web_seeds.length, 50)
  })

  it('says the same with a form, and with the bytes of the original kept', async () => {
    const id = await site.submit('alice')
    const sent = await site.app.request(`${BASE}/models/${id}/web-seeds`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${site.tokens['alice']}`,
        'content-type': 'application/x-www-form-urlencoded',
        origin: BASE,
      },
      body: new URLSearchParams({ url: ` ${SEED} ` }).toString(),
    })
    assert.equal(sent.status, 303)
    assert.deepEqual(await seedsOf(id), [SEED])
    const view = (await site.call('GET', `/api/models/${id}`, null)).body as unknown as ModelItem
    const original = await site.stores.blobs.get(view.torrent ?? '')
    assert.ok(original)
    assert.deepEqual((await parseMetainfo(original, nodeHashes)).web_seeds, [])
  })
})
