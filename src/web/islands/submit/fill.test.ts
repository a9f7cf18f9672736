import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chooseModelFile } from '../../commands/listed-files.ts'
import { Submission, submissionOfForm } from '../../commands/submission.ts'
import { file, modelWith, TINY, torrentOf } from '../inspect/dropped-fixture.ts'
import { readDropped } from '../inspect/read-dropped.ts'
import type { ModelReport, TorrentReport } from '../inspect/report.ts'
import { checkForm } from './check.ts'
import { readTyped, valuesOfMagnet, valuesOfHubUrl, valuesOfModel, valuesOfTorrent } from './fill.ts'
import { notesOf, type Known } from './notes.ts'

async function model(name: string, bytes = TINY, label?: string): Promise<ModelReport> {
  const report = await readDropped([file(bytes, name)], { label })
  assert.ok(report.kind === 'model', report.kind)
  return report
}

async function torrent(
  name: string,
  bytes: Uint8Array = TINY,
  options?: Parameters<typeof torrentOf>[2],
): Promise<TorrentReport> {
  const report = await readDropped([file(await torrentOf(bytes, name, options), 'a.torrent')])
  assert.ok(report.kind === 'torrent', report.kind)
  return report
}

const text = (value: string) => ({ type: 'string', value }) as const

function basedOn(url: string): Promise<Uint8Array<ArrayBuffer>> {
  return modelWith({
    'general.base_model.count': { type: 'u32', value: 1 },
    'general.base_model.0.repo_url': text(url),
    'general.quantized_by': text('alice'),
  })
}

const COMMIT = '0123456789abcdef0123456789abcdef01234567'

describe('when an address of the Hub is pasted', () => {
  const cases: [string, string, [string, string, string] | null, RegExp][] = [
    ['pinned', `https://huggingface.co/o/r/blob/${COMMIT}/a.gguf`, ['o/r', COMMIT, 'a.gguf'], /^Pinned/],
    [
      'by a branch',
      'https://huggingface.co/o/r/resolve/main/a.gguf',
      ['o/r', '', 'a.gguf'],
      /^main is a branch/,
    ],
    ['without a file', 'https://huggingface.co/o/r', ['o/r', '', ''], /no commit/],
    ['of another site', 'https://example.org/o/r', null, /^$/],
  ]
  for (const [name, url, expected, said] of cases)
    it(`reads one ${name}`, () => {
      const read = valuesOfHubUrl(` ${url} `)
      const { source_repository, source_commit, source_path } = read?.values ?? {}
      assert.deepEqual(read && [source_repository, source_commit, source_path], expected)
      assert.match(read?.said ?? '', said)
    })
})

describe('when a form is filled from a model', () => {
  it('takes name, proven label, licence, tags and what it needs', async () => {
    const values = valuesOfModel(await model('tiny-Q8_0.gguf'))
    assert.deepEqual(
      { ...values, hardware: undefined },
      {
        name: 'Tiny Q8_0',
        quantisation: 'Q8_0',
        licence: 'cc0-1.0',
        tags: 'llama demo text-generation',
        hardware: undefined,
      },
    )
    assert.match(values.hardware ?? '', /of memory at/)
  })

  it('takes where it comes from only from an address that can be one', async () => {
    const good = valuesOfModel(await model('a.gguf', await basedOn('https://huggingface.co/meta/llama-3')))
    assert.deepEqual(
      [good.source_repository, good.source_url, good.quantised_by],
      ['meta/llama-3', 'https://huggingface.co/meta/llama-3', 'alice'],
    )
    for (const url of ['javascript:alert(1)', 'https://evil.test/huggingface.co/a/b', 'meta/llama'])
      assert.equal(valuesOfModel(await model('a.gguf', await basedOn(url))).source_url, undefined, url)
  })

  it('never fills in a label that the tensors contradict', async () => {
    const values = valuesOfModel(await model('model-Q4_K_M.gguf'))
    assert.equal(values.quantisation, 'Q8_0')
    assert.equal(values.name, 'Tiny Q8_0')
  })

  it('leaves out what the site would refuse', async () => {
    const bytes = await modelWith({
      'general.name': text('Llama\u202eexe'),
      'general.license': text('x'.repeat(81)),
      'general.tags': { type: 'array', of: 'string', values: ['<b>', 'Ok', 'way '.repeat(20)] },
    })
    const values = valuesOfModel(await model('my_model_Q8_0.gguf', bytes))
    assert.equal(values.name, 'my model Q8_0')
    assert.equal(values.licence, undefined)
    assert.equal(values.tags, 'llama ok')
  })

  it('fills in nothing that the schema objects to', async () => {
    const form: Record<string, string> = {
      ...valuesOfModel(await model('tiny-Q8_0.gguf')),
      ...valuesOfTorrent(await torrent('tiny-Q8_0.gguf')),
      sha256: 'ab'.repeat(32),
    }
    assert.deepEqual(checkForm(form, true), {})
  })
})

describe('when a form is filled from a torrent', () => {
  it('takes size, name and label of the model in it', async () => {
    assert.deepEqual(valuesOfTorrent(await torrent('some_model-Q4_K_M.gguf')), {
      name: 'some model-Q4_K_M',
      size_bytes: String(TINY.length),
      quantisation: 'Q4_K_M',
    })
  })

  const cases: [string, [string, number][], string | null][] = [
    [
      'the largest model',
      [
        ['a.gguf', 1],
        ['b.gguf', 9],
        ['readme.md', 99],
      ],
      'b.gguf',
    ],
    [
      'the first shard',
      [
        ['m-00001-of-00002.gguf', 1],
        ['m-00002-of-00002.gguf', 9],
      ],
      'm-00001-of-00002.gguf',
    ],
    [
      'the first file where none is a model',
      [
        ['x.bin', 1],
        ['y.bin', 9],
      ],
      'x.bin',
    ],
    ['nothing', [], null],
  ]
  for (const [name, files, path] of cases)
    it(`picks ${name}`, () => {
      const found = chooseModelFile(files.map(([each, size_bytes]) => ({ path: each, size_bytes })))
      assert.equal(found?.path ?? null, path)
    })
})

describe('when a hash or magnet is typed', () => {
  const cases: [string, 'magnet' | 'error' | null][] = [
    ['', null],
    ['  ', null],
    ['c1'.repeat(20), 'magnet'],
    ['C1'.repeat(32), 'magnet'],
    ['c1'.repeat(19), 'error'],
    ['zz'.repeat(20), 'error'],
    [`magnet:?xt=urn:btih:${'c1'.repeat(20)}`, 'magnet'],
    ['magnet:?dn=nothing', 'error'],
    [`magnet:?xt=urn:btih:${'c1'.repeat(20)}&xl=many`, 'error'],
    ['http://example.org/', 'error'],
  ]
  for (const [typed, kind] of cases)
    it(`reads ${JSON.stringify(typed.slice(0, 40))} as ${kind}`, () => {
      const read = readTyped(typed)
      assert.equal(read === null ? null : 'magnet' in read ? 'magnet' : 'error', kind)
    })

  it('takes name, size and label of a magnet', () => {
    const read = readTyped(`magnet:?xt=urn:btih:${'c1'.repeat(20)}&dn=big_model-Q5_K_M.gguf&xl=42`)
    assert.ok(read !== null && 'magnet' in read)
    assert.deepEqual(valuesOfMagnet(read.magnet), {
      name: 'big model-Q5_K_M',
      size_bytes: '42',
      quantisation: 'Q5_K_M',
    })
  })
})

describe('when a form is checked in the browser', () => {
  const good = { name: 'A', sha256: 'ab'.repeat(32), info_hash: 'c1'.repeat(20), size_bytes: '5' }
  const cases: [Record<string, string>, boolean, string[]][] = [
    [good, false, []],
    [{ ...good, info_hash: '' }, true, []],
    [{ ...good, info_hash: '' }, false, ['info_hash']],
    [{ ...good, sha256: 'ab' }, false, ['sha256']],
    [{ ...good, name: '' }, false, ['name']],
    [{ ...good, tags: 'ok <b>' }, false, ['tags']],
    [{ ...good, size_bytes: 'many', md5: 'x' }, false, ['size_bytes', 'md5']],
    [{ ...good, source_url: 'javascript:alert(1)' }, false, ['source_url']],
    [{ ...good, source_repository: 'a b' }, false, ['source_repository']],
    [{ ...good, signature: 'hello' }, false, ['signature']],
  ]
  for (const [fields, hasTorrent, wrong] of cases)
    it(`objects to ${wrong.join(' and ') || 'nothing'}, as the server does`, () => {
      assert.deepEqual(Object.keys(checkForm(fields, hasTorrent)), wrong)
      const server = Submission.safeParse({
        ...submissionOfForm(fields),
        ...(hasTorrent ? { torrent: 'AA==' } : {}),
      })
      assert.equal(server.success, wrong.length === 0)
    })
})

describe('when what is to be sent does not fit', () => {
  const nothing: Known = {
    model: null,
    torrent: null,
    digests: null,
    roots: null,
    name: '',
    quantisation: '',
    trackers: [],
  }
  const tones = (known: Partial<Known>): string[] => notesOf({ ...nothing, ...known }).map(({ tone }) => tone)
  const digests = [{ name: 'a', size: TINY.length, sha256: '', md5: '' }]

  it('says nothing of nothing', () => {
    assert.deepEqual(tones({}), [])
    assert.deepEqual(tones({ name: 'Tiny Q8_0', quantisation: 'Q8_0' }), [])
  })

  it('names a label that is proven, and one that the form contradicts', async () => {
    const proven = await model('tiny.gguf')
    assert.deepEqual(tones({ model: proven, quantisation: 'Q8_0' }), ['ok'])
    assert.deepEqual(tones({ model: proven, name: 'Tiny Q4_K_M' }), ['bad', 'ok'])
    assert.deepEqual(tones({ model: proven, quantisation: 'Q4_K_M' }), ['bad', 'ok'])
    assert.deepEqual(tones({ name: 'Tiny Q4_K_M', quantisation: 'Q8_0' }), ['warn'])
    const lying = await model('tiny-Q4_K_M.gguf')
    assert.deepEqual(tones({ model: lying, quantisation: 'Q8_0' }), ['bad'])
  })

  it('names a file that a verifier will refuse', async () => {
    const bytes = await modelWith({ 'tokenizer.chat_template': text('{{ x.__class__ }}') })
    assert.ok(tones({ model: await model('tiny.gguf', bytes) }).includes('bad'))
    assert.ok(!tones({ model: await model('tiny.gguf', bytes) }).includes('ok'))
  })

  it('holds torrent and file against each other', async () => {
    const mine = await torrent('tiny.gguf')
    const [root] = mine.torrent.files.map(({ pieces_root }) => pieces_root)
    const dropped = await model('tiny.gguf')
    assert.deepEqual(tones({ model: dropped, torrent: mine }), ['ok'])
    assert.deepEqual(tones({ model: dropped, torrent: mine, digests, roots: [root ?? null] }), ['ok', 'ok'])
    assert.deepEqual(tones({ model: dropped, torrent: mine, digests, roots: ['f'.repeat(64)] }), [
      'bad',
      'ok',
    ])
    const other = await torrent('tiny.gguf', TINY.subarray(1))
    assert.deepEqual(tones({ model: dropped, torrent: other }), ['bad', 'ok'])
  })

  it('names what no listing may hold', async () => {
    const mine = await torrent('tiny.gguf')
    const [listed] = mine.torrent.files
    assert.ok(listed)
    const extra = (path: string): TorrentReport => ({
      ...mine,
      torrent: { ...mine.torrent, files: [listed, { ...listed, path, size_bytes: 5 }] },
    })
    assert.deepEqual(tones({ torrent: extra('README.md') }), [])
    assert.deepEqual(tones({ torrent: extra('setup.exe') }), ['bad'])
  })

  it('names a tracker that is missing, and the private flag', async () => {
    const url = 'udp://127.0.0.1:8080/announce'
    const without = await torrent('tiny.gguf')
    const named = await torrent('tiny.gguf', TINY, { trackers: [[url]] })
    assert.deepEqual(tones({ torrent: without, trackers: [url] }), ['info'])
    assert.deepEqual(tones({ torrent: named, trackers: [url] }), [])
    const hidden = { ...without, torrent: { ...without.torrent, private: true } }
    assert.deepEqual(tones({ torrent: hidden }), ['bad'])
  })
})
