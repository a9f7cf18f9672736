/**
 * Broken torrents in bulk, judged by libtorrent and by us: what it rejects is
 * refused, and what both take is the same torrent to both. A tenth in every
 * run; the whole with QAL_FUZZ=all, others with QAL_FUZZ_SEED.
 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { judgeTorrents } from '../../test/libtorrent-judge.ts'
import { corpusDir, requireTool } from '../../test/tools.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { decode } from './bencode.ts'
import { differences, parsed } from '../../test/torrent-classes.ts'
import { generator, goodTorrents, mutateBytes, mutateTree } from '../../test/mutate-torrents.ts'

const CASES = process.env['QAL_FUZZ'] === 'all' ? 100_000 : 10_000
const SEED = Number(process.env['QAL_FUZZ_SEED'] ?? 1)
/** So many are held at once. */
const BATCH = 10_000

/** Breaks the bases at random and holds every verdict against libtorrent's; answers how many both took. */
async function compare(bases: readonly Uint8Array[], cases: number, seed: number): Promise<number> {
  const random = generator(seed)
  let both = 0
  for (let from = 0; from < cases; from += BATCH) {
    const torrents = Array.from({ length: Math.min(BATCH, cases - from) }, (_, index) => {
      const base = bases[index % bases.length] ?? new Uint8Array(0)
      return index % 5 === 4 ? mutateBytes(base, random) : mutateTree(base, random)
    })
    const verdicts = await judgeTorrents(torrents)
    for (const [index, torrent] of torrents.entries()) {
      const ours = await parsed(torrent)
      const theirs = verdicts[index]
      if (typeof ours === 'string' || theirs === undefined) continue
      if (theirs.accepts) both++
      const found = differences(ours, theirs)
      if (found.length > 0)
        assert.fail(
          `Case ${from + index} of seed ${seed}: ${found.join('; ')}\n${Buffer.from(torrent).toString('latin1').slice(0, 2_000)}`,
        )
    }
  }
  return both
}

describe('when torrents are broken at random and libtorrent reads them too', () => {
  it(`is never laxer, and sees the same in what both take, ${CASES} times`, async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const both = await compare(await goodTorrents(nodeHashes), CASES, SEED)
    assert.ok(both > CASES / 20, `only ${both} taken by both: the mutations do nothing but break`)
  })

  it("does so with libtorrent's own test torrents, broken further", async (t) => {
    const dir = corpusDir(t, 'torrents')
    if (dir === undefined || !requireTool(t, 'libtorrent')) return
    const bases: Uint8Array[] = []
    for (const name of (await readdir(dir)).filter((file) => file.endsWith('.torrent'))) {
      const bytes = await readFile(join(dir, name))
      const whole = decodable(bytes) ? bytes : bytes.subarray(0, bytes.lastIndexOf(0x65) + 1)
      // Large ones would only cost time: what is in them is in small ones.
      if (bytes.length < 20_000 && decodable(whole)) bases.push(whole)
    }
    assert.ok(bases.length > 40, `${bases.length} of the corpus`)
    const both = await compare(bases, CASES, SEED + 1)
    assert.ok(both > CASES / 20, `only ${both} taken by both: the mutations do nothing but break`)
  })
})

function decodable(bytes: Uint8Array): boolean {
  try {
    decode(bytes)
    return true
  } catch {
    return false
  }
}
