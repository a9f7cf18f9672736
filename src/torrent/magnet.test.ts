import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { requireTool, runLibtorrent } from '../../test/tools.ts'
import { isQalError } from '../core/error.ts'
import { buildMagnet, magnetsOf, parseMagnet, type Magnet } from './magnet.ts'

const V1 = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a'
const V1_BASE32 = 'YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK'
const V2 = '518fbaf39b37020c896e8768a967da6d76bbd5ef7a02c761021b65a72c6cfa11'
const XT = `magnet:?xt=urn:btih:${V1}`

const NOTHING: Magnet = {
  infoHash: null,
  infoHashV2: null,
  name: null,
  size: null,
  trackers: [],
  webSeeds: [],
  select: [],
}

describe('when a magnet link is read', () => {
  const good: [text: string, expected: Partial<Magnet>][] = [
    [XT, {}],
    [`magnet:?xt=urn:btih:${V1.toUpperCase()}`, {}],
    [`magnet:?xt=urn:btih:${V1_BASE32}`, {}],
    [`magnet:?xt=urn:btih:${V1_BASE32.toLowerCase()}`, {}],
    [`MAGNET:?XT=URN:BTIH:${V1}`, {}],
    [`  ${XT}\n`, {}],
    [`magnet:?xt=urn%3Abtih%3A${V1}`, {}],
    [`magnet:?xt=urn:btmh:1220${V2}`, { infoHash: null, infoHashV2: V2 }],
    [`${XT}&xt=urn:btmh:1220${V2}`, { infoHashV2: V2 }],
    [`magnet:?xt.1=urn:btih:${V1}&xt.2=urn:btmh:1220${V2}`, { infoHashV2: V2 }],
    [`${XT}&xt=urn:btih:${V1}`, {}],
    [`${XT}&xt=urn:sha1:ABC&foo=bar&x.pe=127.0.0.1:1`, {}],
    [`${XT}&dn=a%20b+c%2Bd.gguf`, { name: 'a b c+d.gguf' }],
    [`${XT}&dn=first&dn=second`, { name: 'first' }],
    [`${XT}&xl=42949672960`, { size: 42_949_672_960 }],
    [
      `${XT}&tr=udp%3A%2F%2Fa.example%3A1%2Fannounce&tr=wss://b.example&tr=wss://b.example`,
      { trackers: ['udp://a.example:1/announce', 'wss://b.example'] },
    ],
    [
      `${XT}&tr.0=udp://a.example:1&tr.1=udp://b.example:1`,
      { trackers: ['udp://a.example:1', 'udp://b.example:1'] },
    ],
    [`${XT}&ws=https%3A%2F%2Fa.example%2Fx%3Fy%3D1%26z`, { webSeeds: ['https://a.example/x?y=1&z'] }],
    [
      `${XT}&so=0,2,4-6`,
      {
        select: [
          [0, 0],
          [2, 2],
          [4, 6],
        ],
      },
    ],
    [`${XT}&&`, {}],
  ]
  for (const [text, expected] of good) {
    it(`takes ${text.slice(0, 90).trim()}`, () =>
      assert.deepEqual(parseMagnet(text), { ...NOTHING, infoHash: V1, ...expected }))
  }

  it('keeps the zeros in front of a base32 hash', () =>
    assert.equal(parseMagnet(`magnet:?xt=urn:btih:${'A'.repeat(31)}B`).infoHash, `${'0'.repeat(39)}1`))

  const bad: [text: string, code: string][] = [
    ['', 'torrent_magnet_syntax'],
    ['http://a.example', 'torrent_magnet_syntax'],
    ['magnet:', 'torrent_magnet_syntax'],
    ['magnet:?', 'torrent_magnet_no_hash'],
    ['magnet:?dn=x', 'torrent_magnet_no_hash'],
    ['magnet:?xt=urn:sha1:ABC', 'torrent_magnet_no_hash'],
    [`magnet:?xt=urn:btih:${V1.slice(1)}`, 'torrent_magnet_hash'],
    [`magnet:?xt=urn:btih:${V1}0`, 'torrent_magnet_hash'],
    [`magnet:?xt=urn:btih:${V1_BASE32.replace('Y', '1')}`, 'torrent_magnet_hash'],
    [`magnet:?xt=urn:btmh:${V2}`, 'torrent_magnet_hash'],
    [`magnet:?xt=urn:btmh:1120${V2}`, 'torrent_magnet_hash'],
    [`${XT}&xt=urn:btih:${V1.replace('c', 'd')}`, 'torrent_magnet_hash_conflict'],
    [`${XT}&dn=%zz`, 'torrent_magnet_encoding'],
    [`${XT}&dn=%ff`, 'torrent_magnet_encoding'],
    [`${XT}&dn=a%0ab`, 'torrent_magnet_name'],
    [`${XT}&dn=%E2%80%AEfugg`, 'torrent_magnet_name'],
    [`${XT}&dn=${'x'.repeat(501)}`, 'torrent_magnet_name'],
    [`${XT}&xl=-1`, 'torrent_magnet_length'],
    [`${XT}&xl=1e9`, 'torrent_magnet_length'],
    [`${XT}&xl=9999999999999999`, 'torrent_magnet_length'],
    [`${XT}&tr=javascript:alert(1)`, 'torrent_tracker_url'],
    [`${XT}&tr=`, 'torrent_tracker_url'],
    [`${XT}&ws=file:///etc/passwd`, 'torrent_web_seed_url'],
    [`${XT}&so=`, 'torrent_magnet_select'],
    [`${XT}&so=3-1`, 'torrent_magnet_select'],
    [`${XT}&so=0-20000`, 'torrent_magnet_select'],
    [`${XT}&so=-1`, 'torrent_magnet_select'],
    [`${XT}&flag`, 'torrent_magnet_syntax'],
    [`${XT}${'&a=b'.repeat(256)}`, 'torrent_magnet_size'],
    [`${XT}&a=${'x'.repeat(32_768)}`, 'torrent_magnet_size'],
  ]
  for (const [text, code] of bad) {
    it(`refuses ${text.slice(0, 90)} with ${code}`, () =>
      assert.throws(
        () => parseMagnet(text),
        (error) => isQalError(error) && error.code === code && error.facts.exit === 4,
      ))
  }
})

const FULL: Magnet = {
  infoHash: V1,
  infoHashV2: V2,
  name: "a b&c=d+e'é.gguf",
  size: 12_345,
  trackers: ['udp://a.example:1/announce', 'https://b.example/announce?key=1&x=2'],
  webSeeds: ['https://c.example/a%20b'],
  select: [
    [0, 0],
    [3, 5],
  ],
}

describe('when a magnet link is written', () => {
  it('is read back the same', () => assert.deepEqual(parseMagnet(buildMagnet(FULL)), FULL))

  it('leaves the v2 hash out for older clients, and nothing else', () => {
    assert.deepEqual(parseMagnet(buildMagnet(FULL, { v1Only: true })), { ...FULL, infoHashV2: null })
  })

  it('offers no v1 link where there is no v1 info hash', () => {
    const torrent = {
      info_hash: null,
      info_hash_v2: V2,
      name: 'a',
      size_bytes: 1,
      trackers: [],
      web_seeds: [],
    }
    assert.deepEqual(magnetsOf(torrent), {
      magnet: `magnet:?xt=urn:btmh:1220${V2}&dn=a&xl=1`,
      magnet_v1: null,
    })
    assert.throws(
      () => buildMagnet({ infoHash: null, infoHashV2: V2 }, { v1Only: true }),
      (error) => isQalError(error) && error.code === 'torrent_magnet_no_hash',
    )
  })

  it('refuses a hash that is none', () =>
    assert.throws(
      () => buildMagnet({ infoHash: V1.toUpperCase(), infoHashV2: null }),
      (error) => isQalError(error) && error.code === 'torrent_magnet_hash',
    ))

  it('is understood by libtorrent', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const script = `
import json, sys, libtorrent as lt
p = lt.parse_magnet_uri(sys.argv[1])
print(json.dumps([str(p.info_hashes.v1), str(p.info_hashes.v2), p.name, p.trackers, p.url_seeds,
  [index for index, priority in enumerate(p.file_priorities) if priority > 0]]))`
    const { stdout, stderr } = await runLibtorrent(script, [buildMagnet(FULL)])
    const expected = [V1, V2, FULL.name, FULL.trackers, FULL.webSeeds, [0, 3, 4, 5]]
    assert.deepEqual(JSON.parse(stdout || stderr), expected)
  })
})
