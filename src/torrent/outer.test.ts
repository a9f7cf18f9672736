import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { goodTorrents } from '../../test/mutate-torrents.ts'
import { isQalError } from '../core/error.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { decode, encode, type Encodable } from './bencode.ts'
import { clientTorrent, parseMetainfo, withOuter, type Metainfo } from './metainfo.ts'
import { content, dict, edited, torrentOf, type Plain } from './torrent-fixture.ts'

let bare: Uint8Array

before(async () => {
  bare = (await torrentOf({ a: content(40_000) }, nodeHashes)).bytes
})

const withRoot = (entries: Record<string, Plain>): Promise<Metainfo> =>
  parseMetainfo(
    edited(bare, (_, root) => {
      for (const [key, value] of Object.entries(entries)) root.set(key, value)
    }),
    nodeHashes,
  )

describe('when the outer dictionary is read', () => {
  const cases: [
    what: string,
    entries: Record<string, Plain>,
    expected: Partial<Metainfo>,
    ignored: string[],
  ][] = [
    [
      'nothing',
      {},
      { trackers: [], web_seeds: [], comment: null, created_by: null, creation_date: null },
      [],
    ],
    ['one tracker', { announce: 'udp://a.example:1' }, { trackers: [['udp://a.example:1']] }, []],
    [
      'tiers, which count instead',
      {
        announce: 'udp://x.example:1',
        'announce-list': [['udp://a.example:1', 'wss://b.example'], ['https://c.example/ann']],
      },
      { trackers: [['udp://a.example:1', 'wss://b.example'], ['https://c.example/ann']] },
      [],
    ],
    [
      'a tracker in two tiers, once',
      { 'announce-list': [['udp://a.example:1'], ['udp://a.example:1', 'udp://b.example:1']] },
      { trackers: [['udp://a.example:1'], ['udp://b.example:1']] },
      [],
    ],
    [
      'empty tiers, and falls back',
      { announce: 'udp://a.example:1', 'announce-list': [[], ['']] },
      { trackers: [['udp://a.example:1']] },
      [],
    ],
    ['spaces around a URL', { announce: ' udp://a.example:1\n' }, { trackers: [['udp://a.example:1']] }, []],
    ['a tracker by file URL', { announce: 'file:///etc/passwd' }, { trackers: [] }, ['announce']],
    ['a tracker without scheme', { announce: 'a.example:80/announce' }, { trackers: [] }, ['announce']],
    ['a tracker with a password', { announce: 'http://u:p@a.example/' }, { trackers: [] }, ['announce']],
    ['a tracker with a line end', { announce: 'http://a.example/\nx' }, { trackers: [] }, ['announce']],
    [
      'a tracker that is too long',
      { announce: `http://a.example/${'x'.repeat(1_000)}` },
      { trackers: [] },
      ['announce'],
    ],
    ['a tracker that is a number', { announce: 1 }, { trackers: [] }, ['announce']],
    ['tiers that are none', { 'announce-list': 'x' }, { trackers: [] }, ['announce-list']],
    ['one web seed', { 'url-list': 'http://a.example/a' }, { web_seeds: ['http://a.example/a'] }, []],
    [
      'web seeds, each once',
      { 'url-list': ['http://a.example/a', 'http://a.example/a', 'https://b.example/'] },
      { web_seeds: ['http://a.example/a', 'https://b.example/'] },
      [],
    ],
    ['a web seed by FTP', { 'url-list': ['ftp://a.example/a'] }, { web_seeds: [] }, ['url-list.0']],
    ['a web seed of bytes', { 'url-list': [new Uint8Array([0xff])] }, { web_seeds: [] }, ['url-list.0']],
    ['texts', { comment: 'höh', 'created by': 'me' }, { comment: 'höh', created_by: 'me' }, []],
    ['what a terminal obeys in a text', { comment: 'a\x1b[2J\u202eb' }, { comment: 'a\ufffd[2J\ufffdb' }, []],
    ['a text of bytes', { comment: new Uint8Array([0xff]) }, { comment: null }, ['comment']],
    ['a date', { 'creation date': 1_359_599_503 }, { creation_date: 1_359_599_503 }, []],
    ['a date before 1970', { 'creation date': -1 }, { creation_date: null }, ['creation date']],
    ['a date beyond 9999', { 'creation date': 2n ** 62n }, { creation_date: null }, ['creation date']],
    ['a date that is text', { 'creation date': '2026' }, { creation_date: null }, ['creation date']],
  ]
  for (const [what, entries, expected, ignored] of cases) {
    it(`takes or sets aside ${what}`, async () => {
      const metainfo = await withRoot(entries)
      for (const [key, value] of Object.entries(expected))
        assert.deepEqual(metainfo[key as keyof Metainfo], value, key)
      assert.deepEqual(
        metainfo.ignored.map(({ field }) => field),
        ignored,
      )
    })
  }

  it('refuses more URLs than anyone needs', async () => {
    const urls = Array.from({ length: 501 }, (_, index) => `http://a.example/${index}`)
    for (const entries of [
      { 'url-list': urls },
      { announce: urls },
      { 'announce-list': urls.map((url) => [url]) },
    ]) {
      await assert.rejects(
        withRoot(entries),
        (error) => isQalError(error) && error.code === 'torrent_urls_count',
      )
    }
  })
})

describe('when the outer dictionary gains trackers and web seeds', () => {
  it('leaves info and piece layers byte for byte, and everything else as it was', async () => {
    // Keys that we would write otherwise, unknown ones among them.
    const odd = edited(bare, (_, root) => {
      root.set('url-list', 'https://old.example/a')
      root.set('announce', 'udp://old.example:1')
      root.set('zz', dict({ a: [1] }))
    })
    const more = withOuter(odd, {
      addTrackers: ['udp://new.example:1', 'udp://old.example:1', 'udp://new.example:1', 'wss://ws.example'],
      addWebSeeds: ['https://new.example/a', 'https://old.example/a'],
    })
    for (const key of ['info', 'piece layers', 'zz']) assert.deepEqual(slice(more, key), slice(odd, key), key)
    const [was, is] = [await parseMetainfo(odd, nodeHashes), await parseMetainfo(more, nodeHashes)]
    assert.deepEqual([is.info_hash, is.info_hash_v2], [was.info_hash, was.info_hash_v2])
    assert.deepEqual(is.trackers, [['udp://old.example:1'], ['udp://new.example:1'], ['wss://ws.example']])
    assert.deepEqual(is.web_seeds, ['https://old.example/a', 'https://new.example/a'])
  })

  const hostile: [what: string, change: (root: Map<string, Plain>) => void, kept: string[]][] = [
    ['nothing beside info', (root) => root.delete('announce'), []],
    ['entries of other kinds', (root) => setAll(root, ['announce', 'announce-list', 'url-list'], 5), []],
    ['lists of other kinds', (root) => setAll(root, ['announce-list', 'url-list'], [5, [5], [['x']]]), []],
    ['bytes for URLs', (root) => setAll(root, ['announce', 'url-list'], new Uint8Array([0xff, 0])), []],
    ['dictionaries for lists', (root) => setAll(root, ['announce-list', 'url-list'], dict({ a: 1 })), []],
    [
      'trackers that nobody can use',
      (root) => root.set('announce-list', [['file:///etc/passwd'], ['x']]),
      [],
    ],
    [
      'unknown keys, before and behind info',
      (root) => setAll(root, ['', '\xff\x00', 'zz'], [1, dict({ a: 'b' })]),
      ['', '\xff\x00', 'zz'],
    ],
    [
      'texts and dates of other kinds',
      (root) => setAll(root, ['comment', 'creation date', 'created by'], [[]]),
      ['comment', 'creation date', 'created by'],
    ],
    [
      'what other extensions write',
      (root) =>
        void [
          root.set('nodes', [['a', 1]]),
          root.set('httpseeds', 'http://a.example/'),
          root.set('signatures', dict({ a: dict({ signature: new Uint8Array(64) }) })),
        ],
      ['nodes', 'httpseeds', 'signatures'],
    ],
    [
      'a key that begins like info',
      (root) => setAll(root, ['inf', 'info-', 'piece layers '], 'x'),
      ['inf', 'info-', 'piece layers '],
    ],
  ]
  for (const [what, change, kept] of hostile) {
    it(`leaves info, piece layers and the rest as they are in v1, v2 and hybrids with ${what}`, async () => {
      for (const base of await goodTorrents(nodeHashes)) {
        const odd = edited(base, (_, root) => change(root))
        const was = await parseMetainfo(odd, nodeHashes)
        const add = { addTrackers: ['udp://new.example:1'], addWebSeeds: ['https://new.example/a'] }
        const more = withOuter(odd, add)
        for (const key of ['info', ...kept, ...(was.pieceLayers.size > 0 ? ['piece layers'] : [])])
          assert.deepEqual(slice(more, key), slice(odd, key), key)
        const is = await parseMetainfo(more, nodeHashes)
        assert.deepEqual([is.info_hash, is.info_hash_v2], [was.info_hash, was.info_hash_v2])
        assert.deepEqual(is.trackers, [...was.trackers, ['udp://new.example:1']])
        assert.deepEqual(is.web_seeds, [...was.web_seeds, 'https://new.example/a'])
        assert.deepEqual(Buffer.from(withOuter(more, add)), Buffer.from(more))
      }
    })
  }

  it('refuses to make a torrent that nobody would read for its size', () => {
    const large = edited(bare, (_, root) => root.set('zz', new Uint8Array(9_999_000)))
    assert.throws(
      () => withOuter(large, { addWebSeeds: [`https://a.example/${'x'.repeat(1_500)}`] }),
      (error) => isQalError(error) && error.code === 'torrent_size',
    )
  })

  it('gives the same bytes where nothing is new', () => {
    const known = { addTrackers: ['udp://a.example:1'], addWebSeeds: ['https://b.example/'] }
    const once = withOuter(bare, known)
    assert.deepEqual(Buffer.from(withOuter(once, known)), Buffer.from(once))
    assert.deepEqual(Buffer.from(withOuter(bare, {})), Buffer.from(bare))
  })

  it('puts other web seeds in place of those that are there, or none', async () => {
    const [a, b] = ['https://a.example/x', 'https://b.example/x']
    const two = withOuter(bare, { addWebSeeds: [a, b] })
    assert.deepEqual(Buffer.from(withOuter(two, { webSeeds: [a, b] })), Buffer.from(two))
    assert.deepEqual((await parseMetainfo(withOuter(two, { webSeeds: [b] }), nodeHashes)).web_seeds, [b])
    assert.deepEqual(Buffer.from(withOuter(two, { webSeeds: [] })), Buffer.from(bare))
    assert.throws(() => withOuter(bare, { webSeeds: ['ftp://a.example/'] }), { code: 'torrent_web_seed_url' })
  })

  it('adds a first tracker and a first web seed', async () => {
    const more = withOuter(bare, { addTrackers: ['udp://a.example:1'], addWebSeeds: ['https://b.example/'] })
    const metainfo = await parseMetainfo(more, nodeHashes)
    assert.deepEqual(
      [metainfo.trackers, metainfo.web_seeds],
      [[['udp://a.example:1']], ['https://b.example/']],
    )
  })

  for (const [add, code] of [
    [{ addTrackers: ['ftp://a.example'] }, 'torrent_tracker_url'],
    [{ addWebSeeds: ['javascript:alert(1)'] }, 'torrent_web_seed_url'],
    [
      { addWebSeeds: Array.from({ length: 501 }, (_, index) => `http://a.example/${index}`) },
      'torrent_urls_count',
    ],
  ] as const) {
    it(`refuses with ${code}`, () =>
      assert.throws(
        () => withOuter(bare, add),
        (error) => isQalError(error) && error.code === code,
      ))
  }
})

it('makes a torrent for clients that know only v1: the same info hash, trackers and web seeds, no layers', async () => {
  const made = await torrentOf({ 'a.gguf': content(50_000) }, nodeHashes, {
    trackers: [['udp://a.example:1/announce'], ['wss://b.example/']],
    webSeeds: ['https://c.example/a.gguf'],
    comment: 'c',
  })
  const metainfo = await parseMetainfo(made.bytes, nodeHashes)
  const small = clientTorrent(metainfo)
  assert.ok(!Buffer.from(small).includes('piece layers'))
  assert.ok(Buffer.from(small).includes(metainfo.infoBytes))
  const expected = new Map<string, Encodable>([
    ['announce', 'udp://a.example:1/announce'],
    ['announce-list', metainfo.trackers],
    ['url-list', metainfo.web_seeds],
  ])
  const rest = Buffer.from(small)
    .toString('latin1')
    .replace(`4:info${Buffer.from(metainfo.infoBytes).toString('latin1')}`, '')
  assert.equal(rest, Buffer.from(encode(expected)).toString('latin1'))
})

function setAll(root: Map<string, Plain>, keys: readonly string[], value: Plain): void {
  for (const key of keys) root.set(key, value)
}

function slice(bytes: Uint8Array, key: string): Buffer {
  const root = decode(bytes)
  const value = root.type === 'dictionary' ? root.entries.get(key) : undefined
  assert.ok(value)
  return Buffer.from(bytes.subarray(value.start, value.end))
}
