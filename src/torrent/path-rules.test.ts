import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { isQalError } from '../core/error.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parseMetainfo } from './metainfo.ts'
import {
  asMap,
  content,
  dict,
  dropV1,
  edited,
  fileTree as tree,
  torrentOf,
  v1File as file,
  type Plain,
} from './torrent-fixture.ts'

type Change = (info: Map<string, Plain>) => void

let folder: Uint8Array
let single: Uint8Array
let oldSingle: Uint8Array
let oldFolder: Uint8Array

before(async () => {
  const files = {
    'a.gguf': content(50_000),
    empty: new Uint8Array(0),
    'sub/b': content(1),
    'sub/c': content(32_768),
  }
  folder = (await torrentOf(files, nodeHashes, { folder: 't' })).bytes
  single = (await torrentOf({ 'a.gguf': content(50_000) }, nodeHashes)).bytes
  oldSingle = (await torrentOf({ 'a.gguf': content(50_000) }, nodeHashes, { v1: true })).bytes
  oldFolder = (await torrentOf(files, nodeHashes, { folder: 't', v1: true })).bytes
})

async function refused(bytes: Uint8Array, code: string, field?: string): Promise<void> {
  await assert.rejects(parseMetainfo(bytes, nodeHashes), (error) => {
    assert.ok(isQalError(error), String(error))
    assert.equal(error.code, code, error.message)
    if (field !== undefined) assert.equal(error.facts.field, field)
    return error.facts.exit === 4
  })
}

describe('when a name is unsafe', () => {
  const names: [name: string, code: string][] = [
    ['', 'torrent_path_empty'],
    ['a\0b', 'torrent_path_nul'],
    ['..', 'torrent_path_parent'],
    ['.', 'torrent_path_dot'],
    ['/etc', 'torrent_path_absolute'],
    ['\\server', 'torrent_path_absolute'],
    ['C:', 'torrent_path_absolute'],
    ['c:x', 'torrent_path_absolute'],
    ['a/b', 'torrent_path_separator'],
    ['a/../b', 'torrent_path_separator'],
    ['a\\b', 'torrent_path_backslash'],
    ['a\nb', 'torrent_path_control'],
    ['a\x1b[2J', 'torrent_path_control'],
    ['a\x7f', 'torrent_path_control'],
    ['a\u0085', 'torrent_path_control'],
    ['a\u2028b', 'torrent_path_control'],
    ['a\u202egguf.exe', 'torrent_path_bidi'],
    ['a\u2066b', 'torrent_path_bidi'],
    ['a\u200fb', 'torrent_path_bidi'],
    ['a\u200bb', 'torrent_path_invisible'],
    ['\ufeffa', 'torrent_path_invisible'],
    ['a\u3164', 'torrent_path_invisible'],
    ['a\u{e0041}', 'torrent_path_invisible'],
    ['con', 'torrent_path_reserved'],
    ['NUL.gguf', 'torrent_path_reserved'],
    ['com1', 'torrent_path_reserved'],
    ['Lpt9.tar.gz', 'torrent_path_reserved'],
    ['COM¹', 'torrent_path_reserved'],
    ['com³.gguf', 'torrent_path_reserved'],
    ['clock$', 'torrent_path_reserved'],
    ['aux .txt', 'torrent_path_reserved'],
    ['CONOUT$.x', 'torrent_path_reserved'],
    ['a:b', 'torrent_path_absolute'],
    ['ab:c', 'torrent_path_character'],
    ['what?', 'torrent_path_character'],
    ['a|b', 'torrent_path_character'],
    ['a.', 'torrent_path_trailing'],
    ['a ', 'torrent_path_trailing'],
    ['...', 'torrent_path_trailing'],
    [' a', 'torrent_path_trailing'],
    ['x'.repeat(241), 'torrent_path_too_long'],
    ['é'.repeat(121), 'torrent_path_too_long'],
  ]
  for (const [name, code] of names) {
    it(`refuses ${JSON.stringify(name).slice(0, 30)} with ${code} as name, in v1 and in v2`, async () => {
      await refused(
        edited(oldSingle, (info) => info.set('name', name)),
        code,
        'info.name',
      )
      await refused(
        edited(oldFolder, (info) => file(info, 0).set('path', ['ok', name])),
        code,
        'info.files.0.path.1',
      )
      const key = Buffer.from(name).toString('latin1')
      const v2 = edited(folder, (info) => {
        dropV1(info)
        info.set('file tree', dict({ ok: new Map([[key, asMap(tree(info).get('empty'))]]) }))
      })
      // An empty key below a folder says that the folder is a file, of a broken kind.
      await refused(v2, name === '' ? 'torrent_field_missing' : code)
    })
  }

  const more: [what: string, code: string, change: Change][] = [
    ['an empty path', 'torrent_path_empty', (info) => file(info, 0).set('path', [])],
    ['no path', 'torrent_field_missing', (info) => file(info, 0).delete('path')],
    ['a path of numbers', 'torrent_field_type', (info) => file(info, 0).set('path', [1])],
    [
      'a path that is not UTF-8',
      'torrent_path_encoding',
      (info) => file(info, 0).set('path', [new Uint8Array([0xff])]),
    ],
    [
      'an overlong UTF-8 dot',
      'torrent_path_encoding',
      (info) => file(info, 0).set('path', [new Uint8Array([0xc0, 0xae])]),
    ],
    [
      '33 names deep',
      'torrent_path_too_long',
      (info) =>
        file(info, 0).set(
          'path',
          Array.from({ length: 33 }, () => 'a'),
        ),
    ],
    [
      'more than 1,024 bytes',
      'torrent_path_too_long',
      (info) =>
        file(info, 0).set(
          'path',
          Array.from({ length: 6 }, () => 'a'.repeat(200)),
        ),
    ],
    ['a symbolic link', 'torrent_path_symlink', (info) => file(info, 0).set('attr', 'l')],
    ['a link target', 'torrent_path_symlink', (info) => file(info, 0).set('symlink path', ['x'])],
    ['the same path twice', 'torrent_path_collision', (info) => file(info, 0).set('path', ['sub', 'b'])],
    ['another letter case', 'torrent_path_collision', (info) => file(info, 0).set('path', ['SUB', 'B'])],
    [
      'another composition',
      'torrent_path_collision',
      (info) => void [file(info, 0).set('path', ['é']), file(info, 1).set('path', ['e\u0301'])],
    ],
    ['a file where a folder is', 'torrent_path_collision', (info) => file(info, 0).set('path', ['sub'])],
    [
      'a folder where a file is',
      'torrent_path_collision',
      (info) => file(info, 3).set('path', ['a.gguf', 'x']),
    ],
    [
      'a pad file over a file',
      'torrent_path_collision',
      (info) => void [file(info, 1).set('attr', 'p'), file(info, 1).set('path', ['a.gguf'])],
    ],
    [
      'an unsafe pad file',
      'torrent_path_parent',
      (info) => void [file(info, 1).set('attr', 'p'), file(info, 1).set('path', ['..', 'x'])],
    ],
  ]
  for (const [what, code, change] of more) {
    it(`refuses ${what} with ${code}`, () => refused(edited(oldFolder, change), code))
  }

  for (const [one, other] of [
    ['ς', 'σ'],
    ['Straße', 'STRASSE'],
    ['\u212a', 'k'],
    ['ſ', 'S'],
    ['\u2764\ufe0f', '\u2764'],
    ['\u01c4', '\u01c6'],
    ['\u1e9b\u0323', '\u1e69'],
  ] as const) {
    it(`refuses ${JSON.stringify(one)} beside ${JSON.stringify(other)}, which some disks hold in one place`, () =>
      refused(
        edited(
          oldFolder,
          (info) => void [file(info, 0).set('path', [one]), file(info, 1).set('path', [other])],
        ),
        'torrent_path_collision',
      ))
  }

  it('refuses a file without a name at the root of a tree', () =>
    refused(
      edited(single, (info) => tree(info).set('', dict({ length: 1 }))),
      'torrent_path_empty',
    ))

  for (const name of [
    'model-Q4_K_M.gguf',
    '.hidden',
    'a b',
    'a..b',
    'ünï.gguf',
    '模型.gguf',
    'contact',
    'com10',
    'console.gguf',
    'nullable',
    '❤️.gguf',
    'x'.repeat(240),
    '🦙.gguf',
  ]) {
    it(`takes ${name.slice(0, 20)}`, async () => {
      const metainfo = await parseMetainfo(
        edited(oldSingle, (info) => info.set('name', name)),
        nodeHashes,
      )
      assert.equal(metainfo.files[0]?.path, name)
    })
  }

  it('quotes what it refused without the bytes that a terminal obeys', async () => {
    await assert.rejects(
      parseMetainfo(
        edited(oldSingle, (info) => info.set('name', 'a\x1b[2J\u202e'.repeat(99))),
        nodeHashes,
      ),
      (error) => isQalError(error) && /^[\x20-\x7e…]+$/.test(error.message) && error.message.length < 200,
    )
  })
})
