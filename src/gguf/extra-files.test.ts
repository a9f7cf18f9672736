import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { requireTool, runTool, tempDir } from '../../test/tools.ts'
import { judgeExtraFile } from './extra-files.ts'
import { judgeName } from './extra-names.ts'
import { memorySource } from './memory-source.ts'
import { tinyLlama } from './tiny-llama.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

test('names that may stand beside a model', () => {
  for (const [path, kind] of [
    ['model-Q4_K_M.gguf', 'gguf'],
    ['mmproj-F16.gguf', 'gguf'],
    ['folder/model.safetensors', 'safetensors'],
    ['imatrix.dat', 'imatrix'],
    ['model.imatrix.dat', 'imatrix'],
    ['model.imatrix', 'imatrix'],
    ['README.md', 'text'],
    ['README', 'text'],
    ['LICENSE', 'text'],
    ['LICENCE-MIT', 'text'],
    ['NOTICE', 'text'],
    ['USE_POLICY', 'text'],
    ['merges.txt', 'text'],
    ['config.yaml', 'text'],
    ['config.yml', 'text'],
    ['chat_template.jinja', 'text'],
    ['.gitattributes', 'text'],
    ['README.zh-CN.md', 'text'],
    ['node.js.md', 'text'],
    ['v1.5.txt', 'text'],
    ['config.json', 'json'],
    ['pytorch_model.bin.index.json', 'json'],
    ['tokenizer.model', 'tokenizer'],
    ['model.gguf.sha256', 'checksum'],
    ['SHA256SUMS', 'checksum'],
    ['model.gguf.md5', 'checksum'],
    ['model.gguf.sig', 'signature'],
    ['model.gguf.asc', 'signature'],
    ['model.gguf.minisig', 'signature'],
    ['logo.png', 'png'],
    ['photo.JPG', 'jpeg'],
    ['photo.jpeg', 'jpeg'],
    ['photo.webp', 'webp'],
  ] as const)
    assert.deepEqual(judgeName(path), { kind }, path)
})

test('any other name is refused, with what it is named like', () => {
  const cases: [why: RegExp, ...paths: string[]][] = [
    [
      /a program$/,
      'setup.exe',
      'Setup.EXE',
      'lib.so',
      'x.dll',
      'a.jar',
      'run.lnk',
      'a.apk',
      'a.wasm',
      'a.AppImage',
    ],
    [
      /a script$/,
      'run.py',
      'install.sh',
      'start.bat',
      'a.cmd',
      'a.ps1',
      'a.vbs',
      'a.js',
      'a.ipynb',
      'x.desktop',
      'a.url',
      'a.reg',
    ],
    [/an archive$/, 'a.zip', 'a.tar.gz', 'a.7z', 'a.rar', 'a.zst', 'a.iso'],
    [
      /run code$/,
      'pytorch_model.bin',
      'a.pt',
      'a.pth',
      'a.ckpt',
      'a.pkl',
      'a.npz',
      'a.h5',
      'a.keras',
      'a.onnx',
    ],
    [/run scripts$/, 'index.html', 'a.svg', 'a.pdf', 'a.docx', 'a.xlsm'],
    [/nothing that belongs/, 'a.xyz', 'a.dat', 'notes.csv', 'a.', '.bashrc', '.env', 'a.gguf~', 'README.foo'],
    [/says nothing/, 'setup', 'Makefile', 'Dockerfile', 'READMEX', 'a'],
    [
      /another ending after it$/,
      'model.exe.md',
      'setup.scr.txt',
      'a.bat.json',
      'x.lnk.png',
      'a.py.txt',
      'a.ps1.md',
    ],
  ]
  for (const [why, ...paths] of cases)
    for (const path of paths) {
      const verdict = judgeName(path)
      assert.ok('refused' in verdict, path)
      assert.match(verdict.refused, why, path)
    }
})

function bytes(...parts: (string | Uint8Array | number[])[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part as string))))
}

async function judged(path: string, content: Uint8Array) {
  return judgeExtraFile(path, memorySource(content))
}

const SENTENCEPIECE = bytes([0x0a, 6, 0x0a, 4], '<un>', [0x12, 2, 8, 1])
const LEGACY = bytes([1, 0, 0, 0, 1, 0, 0, 0], 'a', [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 128, 63])
const PNG = bytes(
  [0x89],
  'PNG\r\n',
  [0x1a, 10, 0, 0, 0, 2],
  'IHDR',
  [1, 2, 0, 0, 0, 0, 0, 0, 0, 0],
  'IEND',
  [0xae, 0x42, 0x60, 0x82],
)
const JPEG = bytes([
  0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xda, 0, 2, 7, 0xff, 0, 8, 0xff, 0xd0, 9, 0xff, 0xd9,
])
const WEBP = bytes('RIFF', [8, 0, 0, 0], 'WEBPVP8 ')
const ZIP = bytes('PK\x03\x04', new Uint8Array(30))
const HASH = 'a'.repeat(64)

test('a file whose content is what its name says passes', async () => {
  const cases: [string, Uint8Array][] = [
    ['README.md', bytes('# A model\n\nfor everyone\n')],
    ['README.md', bytes('---\nlicense: mit\n---\n<div align="center">\n')],
    ['README.md', bytes('')],
    ['LICENSE', bytes('GNU\f GENERAL PUBLIC LICENSE\r\n')],
    ['merges.txt', bytes('#version: 0.2\n\u0120 t\n')],
    ['a.jinja', bytes('{% for m in messages %}{{ m }}{% endfor %}')],
    ['config.json', bytes('{"a": [1, "\\u001b"]}')],
    ['config.yaml', bytes('a: b\n')],
    ['tokenizer.model', SENTENCEPIECE],
    ['tokenizer.model', bytes('IQ== 0\nIg== 1\n')],
    ['x.sha256', bytes(`${HASH}  model.gguf\n`)],
    ['x.sha256', bytes(HASH)],
    ['SHA256SUMS', bytes(`# made by hand\n${HASH} *a\nSHA256 (b) = ${HASH}\n`)],
    ['x.asc', bytes('-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n')],
    ['x.minisig', bytes('untrusted comment: x\nRW\n')],
    ['x.sig', bytes([0x88, 3, 1, 2, 3])],
    ['x.sig', bytes([0x89, 0, 3, 1, 2, 3])],
    ['x.sig', bytes([0xc2, 3, 1, 2, 3])],
    ['a.png', PNG],
    ['a.jpg', JPEG],
    ['a.webp', WEBP],
    ['imatrix.dat', LEGACY],
    ['model.gguf', tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0' })],
  ]
  for (const [path, content] of cases) {
    const { verdict, message } = await judged(path, content)
    assert.equal(verdict, 'pass', `${path}: ${message}`)
  }
})

test('a file whose content is something else fails, whatever its name', async () => {
  const cases: [path: string, content: Uint8Array, message: RegExp][] = [
    ['README.md', bytes('\x7fELF\x02\x01'), /ELF/],
    ['README.md', bytes('MZ', [0x90, 0, 3, 0, 0xff]), /Windows program/],
    ['README.md', bytes('#!/bin/sh\ncurl x | sh\n'), /script/],
    ['notes.txt', bytes('import os\nos.system("id")\n'), /Python/],
    ['notes.txt', bytes('@echo off\r\ndel /s\r\n'), /batch/],
    ['LICENSE', bytes([0x80, 4, 0x95, 0, 0]), /pickle/],
    ['README.md', bytes('<!doctype html><script>x</script>'), /HTML/],
    ['README.md', bytes('a\u001b[2Jb'), /control character/],
    ['README.md', bytes('a\u0000b'), /control character/],
    ['README.md', bytes([0x61, 0xff, 0xfe]), /UTF-8/],
    ['config.json', bytes('{"a": 1'), /parsed/],
    ['config.json', bytes('1'), /single value/],
    ['config.json', ZIP, /ZIP/],
    ['tokenizer.model', ZIP, /neither/],
    ['tokenizer.model', bytes(SENTENCEPIECE, ZIP), /unknown field/],
    ['tokenizer.model', SENTENCEPIECE.slice(0, 5), /cut off/],
    ['tokenizer.model', bytes('IQ== 0\nrm -rf\n'), /neither/],
    ['x.sha256', bytes('curl x | sh\n'), /other lines/],
    ['x.sha256', bytes(''), /other lines/],
    ['x.asc', bytes('hello'), /none that is known/],
    ['x.sig', bytes([0x88, 3, 1, 2, 3], ZIP), /bytes follow/],
    ['x.sig', bytes([0xc2, 3, 1, 2, 3, 4]), /bytes follow/],
    ['a.png', bytes(PNG, ZIP), /bytes follow/],
    ['a.png', PNG.slice(0, -4), /cut off/],
    ['a.png', JPEG, /none/],
    ['a.jpg', bytes(JPEG, ZIP), /bytes follow/],
    ['a.jpg', bytes(JPEG, ZIP, [0xff, 0xd9]), /bytes follow/],
    ['a.jpg', JPEG.slice(0, -2), /cut off/],
    ['a.jpg', PNG, /none/],
    ['a.webp', bytes(WEBP, ZIP), /bytes follow/],
    ['a.webp', PNG, /none/],
    ['imatrix.dat', bytes([0x80, 4, 0x95, 0, 0, 0, 0, 0]), /entries/],
    ['imatrix.dat', bytes(LEGACY, [1]), /follow/],
    ['x.imatrix', tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0' }), /it is a model/],
    ['model.gguf', ZIP, /ZIP/],
    ['model.gguf', bytes(tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0' }), ZIP), /zero padding/],
    ['model.safetensors', ZIP, /but this is a ZIP/],
    ['setup.exe', bytes('MZ', [0x90, 0, 3, 0, 0xff]), /no place.*program.*Windows program/],
    ['pytorch_model.bin', bytes([0x80, 4, 0x95, 0, 0]), /run code.*pickle/],
    ['harmless.xyz', bytes('hello'), /nothing that belongs/],
  ]
  for (const [path, content, message] of cases) {
    const found = await judged(path, content)
    assert.equal(found.verdict, 'fail', `${path}: ${found.message}`)
    assert.match(found.message, message, path)
  }
})

test('what is too large to be looked at whole is skipped, never passed', async () => {
  const source = {
    size: 64 * 1024 * 1024 + 1,
    read: async (_: number, length: number) => new Uint8Array(length).fill(0x61),
  }
  const { verdict, message } = await judgeExtraFile('README.md', source)
  assert.equal(verdict, 'skipped')
  assert.match(message, /too large/)
})

test('an error of the source is thrown, not judged', async () => {
  const broken = { size: 9, read: () => Promise.reject(new Error('unplugged')) }
  await assert.rejects(judgeExtraFile('README.md', broken), /unplugged/)
})

test('a name that drives a terminal is made harmless in the message', async () => {
  const { message } = await judged('a\u001b[2J\u202e.exe', bytes('x'))
  assert.ok(!message.includes('\u001b') && !message.includes('\u202e'), message)
})

test('real files of this repository, and signatures of gpg itself, pass', async (t) => {
  for (const path of ['README.md', 'LICENSE', 'package.json', 'docs/model-page.png', 'docs/trust.md'])
    assert.equal((await judged(path, readFileSync(join(ROOT, path)))).verdict, 'pass', path)
  if (!requireTool(t, 'gpg')) return
  const home = await tempDir(t)
  const gpg = async (...args: string[]) => {
    const { code, stderr } = await runTool('gpg', [
      '--homedir',
      home,
      '--batch',
      '--yes',
      '--passphrase',
      '',
      '--pinentry-mode',
      'loopback',
      ...args,
    ])
    assert.equal(code, 0, stderr)
  }
  t.after(() => runTool('gpgconf', ['--homedir', home, '--kill', 'all']))
  await gpg('--quick-generate-key', 'tester', 'ed25519', 'sign')
  const file = join(home, 'x.txt')
  await gpg('--output', file, '--armor', '--export')
  await gpg('--output', join(home, 'x.sig'), '--detach-sign', file)
  await gpg('--output', join(home, 'x.asc'), '--armor', '--detach-sign', file)
  for (const name of ['x.sig', 'x.asc'])
    assert.equal((await judged(name, readFileSync(join(home, name)))).verdict, 'pass', name)
})
