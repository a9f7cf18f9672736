/** Judges a table of torrents as our parser and as libtorrent do. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { judgeTorrents, type Verdict } from './libtorrent-judge.ts'
import { requireTool } from './tools.ts'
import { isQalError } from '../src/core/error.ts'
import { nodeHashes } from '../src/swarm/node-hashes.ts'
import { parseMetainfo, type Metainfo } from '../src/torrent/metainfo.ts'
import { edited, type Plain } from '../src/torrent/torrent-fixture.ts'

/** What our parser is expected to say: a code, or null where it takes the torrent. */
export type Class = [name: string, make: () => Uint8Array, expected: string | null]

export type Change = (info: Map<string, Plain>, root: Map<string, Plain>) => void

/** A torrent that is made when the test runs, with a change in it. */
export function of(base: () => Uint8Array, change: Change = () => undefined): () => Uint8Array {
  return () => edited(base(), change)
}

/** Holds each of a table against its verdict, and against libtorrent's where it is there: never laxer, and the same torrent to both. */
export async function checkClasses(t: TestContext, classes: readonly Class[]): Promise<void> {
  const made = classes.map(([, make]) => make())
  const theirs = requireTool(t, 'libtorrent') ? await judgeTorrents(made) : undefined
  for (const [index, [what, , expected]] of classes.entries()) {
    await t.test(`${what}: ${expected ?? 'taken'}`, async () => {
      const ours = await parsed(made[index] ?? new Uint8Array(0))
      const verdict = theirs?.[index]
      assert.equal(typeof ours === 'string' ? ours : null, expected)
      if (verdict !== undefined && typeof ours !== 'string') assert.deepEqual(differences(ours, verdict), [])
    })
  }
}

/** Parses, or answers the code of the refusal; any other error is thrown. */
export async function parsed(torrent: Uint8Array): Promise<Metainfo | string> {
  try {
    return await parseMetainfo(torrent, nodeHashes)
  } catch (error) {
    assert.ok(isQalError(error), String(error))
    assert.match(error.code, /^torrent_/)
    assert.equal(error.facts.exit, 4)
    return error.code
  }
}

/** In what a torrent that we took is another one to libtorrent, which may have rejected it; nothing where all agrees. */
export function differences(ours: Metainfo, theirs: Verdict): string[] {
  if (!theirs.accepts) return [`libtorrent rejects it: ${theirs.error}`]
  const pairs: [what: string, our: unknown, their: unknown][] = [
    ['v1 info hash', ours.info_hash, theirs.v1],
    ['v2 info hash', ours.info_hash_v2, theirs.v2],
    ['name', ours.name, theirs.name],
    ['size with pad files', ours.padded_size_bytes, theirs.total_size],
    ['piece length', ours.piece_length, theirs.piece_length],
    ['files', ours.files.map((file) => [file.path, file.size_bytes]), theirs.files],
    // A private key of another kind than a number is private to us, as to no client.
    ['private', ours.private, ours.private || theirs.private],
  ]
  return pairs
    .map(([what, our, their]) => [what, JSON.stringify(our), JSON.stringify(their)] as const)
    .filter(([, our, their]) => our !== their)
    .map(([what, our, their]) => `${what}: ${our}, and ${their} to libtorrent`)
}
