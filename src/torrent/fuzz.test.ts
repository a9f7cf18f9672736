import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isQalError } from '../core/error.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { buildMagnet, parseMagnet } from './magnet.ts'
import { clientTorrent, parseMetainfo, withOuter } from './metainfo.ts'
import { content, torrentOf } from './torrent-fixture.ts'

/** More with QAL_FUZZ_CASES; the seed makes a failure repeatable. */
const CASES = Number(process.env['QAL_FUZZ_CASES'] ?? 10_000)
const SEED = Number(process.env['QAL_FUZZ_SEED'] ?? 1)
/** No case may take so long, whatever it says of itself. */
const CASE_MS = 2_000

/** What hostile writers put where it hurts. */
const TOKENS = [
  'i0e',
  'i-1e',
  'i99999999999999999999e',
  'd',
  'l',
  'e',
  '0:',
  '2:..',
  '1:/',
  '999999999:',
  '4:attr1:l',
  '6:lengthi9007199254740991e',
]

describe('when torrents and magnets are broken at random', () => {
  it(`refuses them by typed errors, or reads them, ${CASES} times`, async () => {
    const random = generator(SEED)
    const bases = [
      (
        await torrentOf({ a: content(50_000), 'b/c': content(3), 'b/d': content(0) }, nodeHashes, {
          folder: 't',
        })
      ).bytes,
      (
        await torrentOf({ a: content(200_000) }, nodeHashes, {
          trackers: [['udp://a.example:1']],
          webSeeds: ['http://b.example/'],
          comment: 'x',
        })
      ).bytes,
      (await torrentOf({ a: content(50_000), b: content(3) }, nodeHashes, { folder: 't', v1: true })).bytes,
    ]
    let refused = 0
    for (let index = 0; index < CASES; index++) {
      const bytes = mutate(bases[index % bases.length] ?? new Uint8Array(0), random)
      const started = performance.now()
      try {
        const metainfo = await parseMetainfo(bytes, nodeHashes)
        // What was read must also be fit to be written again.
        const again = await parseMetainfo(
          withOuter(bytes, { addTrackers: ['udp://z.example:9'] }),
          nodeHashes,
        )
        assert.equal(again.info_hash, metainfo.info_hash)
        clientTorrent(metainfo)
      } catch (error) {
        if (!isQalError(error) || !error.code.startsWith('torrent_') || error.facts.exit !== 4) {
          throw new Error(
            `Case ${index} of seed ${SEED}: ${Buffer.from(bytes).toString('latin1').slice(0, 400)}`,
            { cause: error },
          )
        }
        refused++
      }
      assert.ok(performance.now() - started < CASE_MS, `case ${index} of seed ${SEED} took too long`)
    }
    assert.ok(refused > CASES / 2, `only ${refused} refused: the mutations do not bite`)
    assert.ok(refused < CASES, 'all refused: the mutations do nothing but break')
  })

  it('does so with magnets', () => {
    const random = generator(SEED)
    const base = buildMagnet({
      infoHash: '0'.repeat(40),
      infoHashV2: '1'.repeat(64),
      name: 'a é.gguf',
      size: 5,
      trackers: ['udp://a.example:1'],
      webSeeds: ['http://b.example/'],
      select: [[0, 3]],
    })
    for (let index = 0; index < CASES; index++) {
      const text = Buffer.from(mutate(Buffer.from(base), random)).toString(
        index % 2 === 0 ? 'latin1' : 'utf8',
      )
      try {
        buildMagnet(parseMagnet(text))
      } catch (error) {
        if (!isQalError(error)) throw new Error(`Case ${index} of seed ${SEED}: ${text}`, { cause: error })
      }
    }
  })
})

/** One to four changes: a byte, a token, a cut, a copy, digits of a number. */
function mutate(base: Uint8Array, random: (below: number) => number): Uint8Array {
  let bytes = Buffer.from(base)
  for (let left = 1 + random(4); left > 0 && bytes.length > 0; left--) {
    const at = random(bytes.length)
    const kind = random(6)
    if (kind === 0) bytes[at] = random(256)
    else if (kind === 1) bytes = splice(bytes, at, at, Buffer.from(TOKENS[random(TOKENS.length)] ?? ''))
    else if (kind === 2) bytes = splice(bytes, at, at + 1 + random(16), Buffer.alloc(0))
    else if (kind === 3)
      bytes = splice(bytes, at, at, bytes.subarray(random(bytes.length)).subarray(0, 1 + random(64)))
    else if (kind === 4) bytes[digitAt(bytes, at)] = 0x30 + random(10)
    else bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
  }
  return bytes
}

function splice(bytes: Buffer, from: number, to: number, insert: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(to)])
}

function digitAt(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte >= 0x30 && byte <= 0x39) return at
  }
  return from
}

/** A small generator with a seed (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
