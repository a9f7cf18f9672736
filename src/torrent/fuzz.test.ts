/** Broken .torrents and magnets in bulk: no crash, no hang, no growth. A tenth in every run; the whole with QAL_FUZZ=all. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isQalError } from '../core/error.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parsed } from '../../test/torrent-classes.ts'
import { buildMagnet, parseMagnet } from './magnet.ts'
import { clientTorrent, parseMetainfo, withOuter } from './metainfo.ts'
import { generator, goodTorrents, mutateBytes, mutateTree, type Random } from '../../test/mutate-torrents.ts'

const CASES = process.env['QAL_FUZZ'] === 'all' ? 100_000 : 10_000
/** The seed makes a failure repeatable. */
const SEED = Number(process.env['QAL_FUZZ_SEED'] ?? 1)
/** No case may take so long, whatever it says of itself. */
const CASE_MS = 2_000
/** What may be held for good after all of them, more than after the first tenth. */
const GROWTH_BYTES = 8 * 2 ** 20

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Memory that cannot be given back. */
function heldBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Runs every case under the watch of time and memory. */
async function watch(one: (index: number) => void | Promise<void>): Promise<void> {
  let before = 0
  for (let index = 0; index < CASES; index++) {
    if (index === Math.floor(CASES / 10)) before = heldBytes()
    const started = performance.now()
    try {
      await one(index)
    } catch (error) {
      throw new Error(`Case ${index} of seed ${SEED}`, { cause: error })
    }
    assert.ok(performance.now() - started < CASE_MS, `case ${index} of seed ${SEED} took too long`)
  }
  const grown = heldBytes() - before
  assert.ok(grown < GROWTH_BYTES, `${grown} bytes more are held after ${CASES} cases`)
}

describe('when torrents and magnets are broken at random', () => {
  it(`refuses torrents by typed errors, or reads them, ${CASES} times`, async () => {
    const random = generator(SEED)
    const bases = await goodTorrents(nodeHashes)
    let refused = 0
    await watch(async (index) => {
      const base = bases[index % bases.length] ?? new Uint8Array(0)
      const bytes = index % 2 === 0 ? mutateBytes(base, random) : mutateTree(base, random)
      const metainfo = await parsed(bytes)
      if (typeof metainfo === 'string') {
        refused++
        return
      }
      // What was read must also be fit to be written again.
      const more = { addTrackers: ['udp://z.example:9'], addWebSeeds: ['https://z.example/'] }
      const again = await parseMetainfo(withOuter(bytes, more), nodeHashes)
      assert.equal(again.info_hash, metainfo.info_hash)
      assert.equal(again.info_hash_v2, metainfo.info_hash_v2)
      clientTorrent(metainfo)
    })
    assert.ok(refused > CASES / 2, `only ${refused} refused: the mutations do not bite`)
    assert.ok(refused < CASES, 'all refused: the mutations do nothing but break')
  })

  it(`does so with magnets, ${CASES} times`, async () => {
    const random = generator(SEED)
    const base = buildMagnet({
      infoHash: '0'.repeat(40),
      infoHashV2: '1'.repeat(64),
      name: 'a é.gguf',
      size: 5,
      trackers: ['udp://a.example:1', 'wss://c.example/'],
      webSeeds: ['http://b.example/'],
      select: [
        [0, 3],
        [7, 7],
      ],
    })
    let refused = 0
    await watch((index) => {
      const text = index % 2 === 0 ? brokenText(base, random) : shuffled(base, random)
      try {
        const magnet = parseMagnet(text)
        // What was read is written and read again as the same.
        assert.deepEqual(parseMagnet(buildMagnet(magnet)), magnet)
      } catch (error) {
        if (!isQalError(error) || error.facts.exit !== 4)
          throw new Error(`Cannot refuse ${text}`, { cause: error })
        refused++
      }
    })
    assert.ok(refused > CASES / 10, `only ${refused} refused: the mutations do not bite`)
    assert.ok(refused < CASES * 0.9, `${refused} refused: the mutations do nothing but break`)
  })
})

function brokenText(base: string, random: Random): string {
  const bytes = mutateBytes(Buffer.from(base), random)
  return Buffer.from(bytes).toString(random(2) === 0 ? 'latin1' : 'utf8')
}

const VALUES = [
  '',
  '0',
  '-1',
  '1e9',
  '%',
  '%zz',
  '%00',
  '%e2%80%ae',
  'é',
  '4-2',
  '0-19999',
  '20000',
  'x'.repeat(600),
]

/** Parameters in another order, left out, repeated, numbered, or with another value. */
function shuffled(base: string, random: Random): string {
  const parts = base.slice('magnet:?'.length).split('&')
  for (let left = 1 + random(3); left > 0; left--) {
    const at = random(parts.length)
    const [key = '', value = ''] = (parts[at] ?? '').split('=')
    const kind = random(5)
    if (kind === 0) parts.splice(at, 1)
    else if (kind === 1) parts.push(parts[at] ?? '')
    else if (kind === 2) parts[at] = `${key}.${random(12)}=${value}`
    else if (kind === 3) parts[at] = `${key}=${VALUES[random(VALUES.length)] ?? ''}`
    else parts.unshift(parts.splice(at, 1)[0] ?? '')
  }
  return `magnet:?${parts.join('&')}`
}
