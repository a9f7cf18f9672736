import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, it } from 'node:test'
import { nodeHashes } from '../../../swarm/node-hashes.ts'
import { parseMetainfo } from '../../../torrent/metainfo.ts'
import { file, modelWith, TINY, torrentOf } from './dropped-fixture.ts'
import { groupFiles } from './group-files.ts'
import { select } from './identify.ts'
import { readDropped } from './read-dropped.ts'
import type { ModelReport, Report } from './report.ts'

const CORPUS = process.env['QAL_CORPUS'] ?? join(import.meta.dirname, '../../../../../shared/corpus')
const hasCorpus = existsSync(CORPUS)

function modelOf(report: Report): ModelReport {
  assert.ok(report.kind === 'model', report.kind)
  return report
}

async function corpusFile(...path: string[]): Promise<File> {
  const bytes = await readFile(join(CORPUS, ...path))
  return new File([Uint8Array.from(bytes)], basename(path.at(-1) ?? ''))
}

describe('when a model is dropped', () => {
  it('proves its label and lays its header out', async () => {
    const { inspection, tables } = modelOf(await readDropped([file(TINY, 'tiny-Q8_0.gguf')]))
    assert.equal(inspection.verdict, 'accept')
    assert.equal(inspection.quantisation?.match, 'exact')
    assert.equal(inspection.tensor_table?.length, 21)
    assert.ok(inspection.tensor_table.every(({ matches, shard }) => matches === true && shard === 0))
    const template = 'tokenizer.chat_template'
    const text = tables?.templates[0]?.text ?? ''
    assert.equal(inspection.template?.sha256[template], createHash('sha256').update(text).digest('hex'))
    const row = (key: string) => tables?.metadata.find((each) => each.key === key)
    assert.deepEqual(row('llama.block_count'), {
      key: 'llama.block_count',
      type: 'u32',
      text: '2',
      cut: null,
    })
    assert.deepEqual(row('tokenizer.ggml.tokens')?.cut, { left: 308, unit: 'items' })
    assert.equal(row('tokenizer.ggml.tokens')?.type, 'string[320]')
    assert.match(tables?.templates[0]?.text ?? '', /^{% for message in messages %}/)
  })

  it('holds what it was sold as against the tensors', async () => {
    const dropped = [file(TINY, 'model.gguf')]
    const told = modelOf(await readDropped(dropped, { label: 'Q4_K_M' }))
    assert.equal(told.inspection.verdict, 'mislabelled')
    assert.equal(told.inspection.quantisation?.claimed, 'Q4_K_M')
    const right = modelOf(await readDropped(dropped, { label: 'q8_0' }))
    assert.equal(right.inspection.verdict, 'accept')
  })

  it('cuts what is long and says by how much', async () => {
    const bytes = await modelWith({
      'general.description': { type: 'string', value: 'x'.repeat(4_007) },
      'tokenizer.chat_template': { type: 'string', value: 'y'.repeat(200_005) },
    })
    const { tables } = modelOf(await readDropped([file(bytes, 'a.gguf')]))
    const row = tables?.metadata.find(({ key }) => key === 'general.description')
    assert.deepEqual(row?.cut, { left: 7, unit: 'characters' })
    assert.equal(tables?.templates[0]?.cut, 5)
  })

  it('names what is no model, and shows no tables of it', async () => {
    const cases: [string, string | Uint8Array<ArrayBuffer>, RegExp][] = [
      ['program.gguf', '\x7fELF' + '\0'.repeat(600), /ELF/],
      ['page.gguf', '<!doctype html><title>x</title>', /HTML/],
      ['archive.gguf', 'PK\x03\x04' + '\0'.repeat(600), /ZIP/],
      ['weights.gguf', '\x80\x04' + '\0'.repeat(600), /pickle/],
      ['pointer.gguf', 'version https://git-lfs.github.com/spec/v1\n', /LFS/],
      ['empty.gguf', '', /./],
    ]
    for (const [name, content, says] of cases) {
      const bytes = typeof content === 'string' ? Uint8Array.from(Buffer.from(content, 'latin1')) : content
      const { inspection, tables } = modelOf(await readDropped([file(bytes, name)]))
      assert.equal(inspection.verdict, 'reject', name)
      assert.match(inspection.findings[0]?.message ?? '', says)
      assert.equal(tables, null, name)
    }
  })

  it('is not asked for more than is there', async () => {
    const short = file(TINY.slice(0, 9_000), 'short.gguf')
    assert.equal(modelOf(await readDropped([short])).inspection.verdict, 'reject')
  })

  it('ends when it is aborted', async () => {
    const gone = AbortSignal.abort()
    await assert.rejects(readDropped([file(TINY, 'a.gguf')], { signal: gone }), { name: 'AbortError' })
  })

  it(
    'reads the shards of one model as one, and misses those that were not dropped',
    { skip: !hasCorpus },
    async () => {
      const names = ['1', '2'].map((n) => `tiny-corpus-a-split-Q4_K_M-0000${n}-of-00002.gguf`)
      const shards = await Promise.all(names.map((name) => corpusFile('gguf/good', name)))
      const [group] = groupFiles(shards.toReversed())
      const { inspection } = modelOf(await readDropped(group ?? []))
      assert.equal(inspection.verdict, 'accept')
      assert.equal(inspection.shards, 2)
      assert.deepEqual(new Set(inspection.tensor_table?.map(({ shard }) => shard)), new Set([0, 1]))
      assert.equal(inspection.tensor_table?.length, inspection.tensors)
      for (const [index, code] of ['gguf_split_missing', 'gguf_split_not_first'].entries()) {
        const alone = modelOf(await readDropped(shards.slice(index, index + 1)))
        assert.ok(alone.inspection.findings.some((finding) => finding.code === code))
      }
    },
  )
})

describe('when a .torrent is dropped', () => {
  it('says what is in it, with both hashes and magnets', async () => {
    const bytes = await torrentOf(TINY, 'tiny-Q8_0.gguf', {
      trackers: [['http://tracker.example.org/announce']],
      webSeeds: ['https://example.org/tiny-Q8_0.gguf'],
    })
    const expected = await parseMetainfo(bytes, nodeHashes)
    // Its first bytes say what it is, whatever it is called.
    for (const name of ['a.torrent', 'renamed.gguf']) {
      const report = await readDropped([file(bytes, name)])
      assert.equal(report.kind, 'torrent')
      if (report.kind !== 'torrent') continue
      assert.equal(report.torrent.info_hash, expected.info_hash)
      assert.equal(report.torrent.info_hash_v2, expected.info_hash_v2)
      assert.deepEqual(report.torrent.files, expected.files)
      assert.ok(report.magnet.includes(`btmh:1220${expected.info_hash_v2}`))
      assert.ok(!report.magnet_v1?.includes('btmh'))
      assert.deepEqual(
        Object.keys(report.torrent).filter((key) => /^(?:infoBytes|pieces|pieceLayers)$/.test(key)),
        [],
      )
    }
  })

  it('is refused by code, with what was expected', async () => {
    const good = await torrentOf(TINY, 'tiny.gguf')
    const cases: [Uint8Array<ArrayBuffer> | string, string][] = [
      [good.slice(0, -1), 'torrent_bencode_truncated'],
      [Uint8Array.from([...good, 0x65]), 'torrent_bencode_trailing'],
      ['hello', 'torrent_bencode_syntax'],
    ]
    for (const [content, code] of cases) {
      const report = await readDropped([file(content, 'bad.torrent')])
      assert.equal(report.kind, 'torrent-refused')
      if (report.kind === 'torrent-refused') assert.equal(report.code, code)
    }
  })

  it('is judged as everywhere else, file by file of the corpus', { skip: !hasCorpus }, async () => {
    const manifest = JSON.parse(await readFile(join(CORPUS, 'torrents/manifest.json'), 'utf8')) as object
    const names = Object.keys(manifest).length
    assert.ok(names > 0)
    for (const name of [
      'v2.torrent',
      'parent_path.torrent',
      'base.torrent',
      'slash_path.torrent',
      'string.torrent',
    ]) {
      const dropped = await corpusFile('torrents', name)
      const report = await readDropped([dropped])
      const bytes = new Uint8Array(await dropped.arrayBuffer())
      const outcome = await parseMetainfo(bytes, nodeHashes).then(
        (metainfo) => metainfo.info_hash ?? metainfo.info_hash_v2,
        (error: { code: string }) => error.code,
      )
      const said =
        report.kind === 'torrent'
          ? (report.torrent.info_hash ?? report.torrent.info_hash_v2)
          : report.kind === 'torrent-refused'
            ? report.code
            : null
      assert.equal(said, outcome, name)
    }
  })
})

describe('when several files are dropped', () => {
  const cases: [string[], string[][]][] = [
    [
      ['b.gguf', 'a.gguf'],
      [['b.gguf'], ['a.gguf']],
    ],
    [
      ['m-00002-of-00002.gguf', 'x.torrent', 'm-00001-of-00002.gguf'],
      [['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'], ['x.torrent']],
    ],
    [
      ['m-00001-of-00002.gguf', 'n-00001-of-00002.gguf', 'm-00001-of-00003.gguf'],
      [['m-00001-of-00002.gguf'], ['n-00001-of-00002.gguf'], ['m-00001-of-00003.gguf']],
    ],
    [
      ['same.gguf', 'same.gguf'],
      [['same.gguf'], ['same.gguf']],
    ],
    [[], []],
  ]
  for (const [names, groups] of cases)
    it(`reads ${names.join(', ') || 'nothing'} as ${groups.length}`, () => {
      assert.deepEqual(
        groupFiles(names.map((name) => ({ name }))).map((group) => group.map(({ name }) => name)),
        groups,
      )
    })
})

function listed(over: object): object {
  return { sha256: 'b'.repeat(64), info_hash: null, info_hash_v2: null, ...over }
}

describe('when the site answers', () => {
  const hash = 'a'.repeat(64)
  const ask = (matches: object[], more: boolean, of: 'sha256' | 'info-hash' = 'sha256') =>
    select({ version: 1, prefix: 'aaaaa', matches: matches as never, more }, hash, of).state

  it('takes only the whole hash for a match, of the kind that was asked', () => {
    assert.equal(ask([], false), 'unknown')
    assert.equal(ask([listed({ sha256: hash.slice(0, 63) + 'b' })], false), 'unknown')
    assert.equal(ask([listed({ sha256: hash })], false), 'known')
    assert.equal(ask([listed({ sha256: hash })], true), 'known')
    assert.equal(ask([listed({ info_hash_v2: hash })], false), 'unknown')
    assert.equal(ask([listed({ info_hash_v2: hash })], false, 'info-hash'), 'known')
    assert.equal(ask([listed({ sha256: hash })], false, 'info-hash'), 'unknown')
  })

  it('never says unknown where the answer was cut', () => {
    assert.equal(ask([listed({})], true), 'unclear')
  })
})
