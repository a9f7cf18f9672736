import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { requireTool, runTool, tempDir } from '../../test/tools.ts'
import { formatOf, type FormatGroup } from './foreign.ts'
import { inspect } from './inspect.ts'
import { memorySource } from './memory-source.ts'

function bytes(...parts: (string | number[])[]): Uint8Array {
  return new Uint8Array(
    Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
    ),
  )
}

function zipped(first: string): Uint8Array {
  const head = [0x50, 0x4b, 3, 4, 20, 0, 0, 0, 0, 0, ...Array<number>(16).fill(0), first.length, 0, 0, 0]
  return bytes(head, first, 'content')
}

const CASES: [file: string, content: Uint8Array, group: FormatGroup, name: RegExp][] = [
  ['ELF', bytes('\x7fELF', [2, 1, 1, 0]), 'program', /ELF/],
  ['PE', bytes('MZ', [0x90, 0, 3, 0, 0, 0]), 'program', /Windows program/],
  ['llamafile', bytes("MZqFpD='\n"), 'program', /llamafile/],
  ['Mach-O, 32 bits', bytes([0xce, 0xfa, 0xed, 0xfe, 7, 0]), 'program', /Mach-O/],
  ['Mach-O, 64 bits', bytes([0xcf, 0xfa, 0xed, 0xfe, 7, 0]), 'program', /Mach-O/],
  ['Mach-O, big endian', bytes([0xfe, 0xed, 0xfa, 0xcf, 0, 7]), 'program', /Mach-O/],
  ['Mach-O, fat', bytes([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2]), 'program', /Mach-O/],
  ['Mach-O, fat of 64 bits', bytes([0xca, 0xfe, 0xba, 0xbf, 0, 0, 0, 2]), 'program', /Mach-O/],
  ['Java class', bytes([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 65]), 'program', /Java class/],
  ['WebAssembly', bytes('\0asm', [1, 0, 0, 0]), 'program', /WebAssembly/],
  ['dex', bytes('dex\n035\0'), 'program', /Android/],
  ['Windows shortcut', bytes([0x4c, 0, 0, 0, 1, 0x14, 2, 0, 0, 0]), 'program', /shortcut/],
  ['shell', bytes('#!/bin/sh\nrm -rf ~\n'), 'script', /script/],
  ['batch', bytes('@echo off\r\nstart calc\r\n'), 'script', /batch/],
  ['batch with a remark', bytes('REM installs\r\nstart calc\r\n'), 'script', /batch/],
  ['PowerShell', bytes('Invoke-Expression "calc"\n'), 'script', /PowerShell/],
  ['PowerShell variable', bytes('$x = 1\n'), 'script', /PowerShell/],
  ['Visual Basic', bytes('Set shell = CreateObject("WScript.Shell")\n'), 'script', /Visual Basic/],
  ['Python', bytes('# loads it\n\nimport os\nos.system("id")\n'), 'script', /Python script/],
  ['Python with a docstring', bytes('"""Loads\n\nit"""\nfrom torch import nn\n'), 'script', /Python script/],
  ['Python class', bytes('class Model(nn.Module):\n  pass\n'), 'script', /Python script/],
  ['JavaScript', bytes("/* (c) */\n// x\nconst fs = require('fs')\n"), 'script', /JavaScript/],
  ['JavaScript module', bytes("import { x } from 'y'\n"), 'script', /JavaScript/],
  ['PHP', bytes('<?php system("id");\n'), 'script', /PHP/],
  ['desktop entry', bytes('[Desktop Entry]\nExec=sh\n'), 'script', /desktop entry/],
  ['internet shortcut', bytes('[InternetShortcut]\r\nURL=http://x\r\n'), 'script', /shortcut/],
  ['PyTorch', zipped('archive/data.pkl'), 'pickle', /PyTorch.*run code/],
  ['PyTorch before 1.6', bytes([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46]), 'pickle', /PyTorch.*run code/],
  ['pickle', bytes([0x80, 4, 0x95, 0x33, 0]), 'pickle', /pickle.*run code/],
  ['pickle of a global', bytes("cos\nsystem\n(S'id'\ntR."), 'pickle', /pickle/],
  ['pickle of an instance', bytes('(ios\nsystem\n.'), 'pickle', /pickle/],
  ['npz', zipped('weights.npy'), 'archive', /NumPy archive/],
  ['Keras', zipped('metadata.json'), 'archive', /Keras/],
  ['jar', zipped('META-INF/MANIFEST.MF'), 'archive', /Java archive/],
  ['docx', zipped('[Content_Types].xml'), 'archive', /Office/],
  ['zip', zipped('a.txt'), 'archive', /ZIP/],
  ['empty zip', bytes('PK', [5, 6, 0, 0]), 'archive', /ZIP/],
  ['7z', bytes('7z', [0xbc, 0xaf, 0x27, 0x1c]), 'archive', /7-Zip/],
  ['RAR', bytes('Rar!', [0x1a, 7, 1, 0]), 'archive', /RAR/],
  ['zstd', bytes([0x28, 0xb5, 0x2f, 0xfd, 0]), 'archive', /Zstandard/],
  ['cab', bytes('MSCF\0\0\0\0'), 'archive', /Cabinet/],
  ['deb', bytes('!<arch>\ndebian-binary'), 'archive', /Debian/],
  ['rpm', bytes([0xed, 0xab, 0xee, 0xdb, 3]), 'archive', /RPM/],
  ['HDF5', bytes('\x89HDF\r\n\x1a\n\0'), 'weights', /HDF5/],
  ['npy', bytes('\x93NUMPY', [1, 0]), 'weights', /NumPy array/],
  ['ONNX', bytes([8, 8, 0x12, 7], 'pytorch', [0x1a]), 'weights', /ONNX/],
  ['TFLite', bytes([0x1c, 0, 0, 0], 'TFL3'), 'weights', /TensorFlow Lite/],
  ['ggml', bytes('tjgg', [3, 0, 0, 0]), 'weights', /GGML/],
  [
    'safetensors',
    bytes([40, 0, 0, 0, 0, 0, 0, 0], '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', [0, 0, 0, 0]),
    'weights',
    /safetensors/,
  ],
  ['PDF', bytes('%PDF-1.7\n'), 'document', /PDF/],
  ['RTF', bytes('{\\rtf1 x}'), 'document', /RTF/],
  ['OLE', bytes([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]), 'document', /Office|installer/],
  ['HTML', bytes('  <!DOCTYPE html><p>x'), 'document', /HTML/],
  ['HTML after a comment', bytes('<!-- x --><html>'), 'document', /HTML/],
  ['SVG', bytes('<?xml version="1.0"?>\n<!-- x -->\n<svg onload="x()">'), 'document', /SVG/],
  ['XML', bytes('<?xml version="1.0"?><a/>'), 'document', /XML/],
  ['PNG', bytes('\x89PNG\r\n\x1a\n'), 'image', /PNG/],
  ['JPEG', bytes([0xff, 0xd8, 0xff, 0xe0]), 'image', /JPEG/],
  ['GIF', bytes('GIF89a'), 'image', /GIF/],
  ['WebP', bytes('RIFF', [4, 0, 0, 0], 'WEBP'), 'image', /WebP/],
  [
    'LFS pointer',
    bytes('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
    'other',
    /LFS pointer/,
  ],
  [
    'Ollama manifest',
    bytes('{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json"}'),
    'other',
    /Ollama/,
  ],
  ['torrent', bytes('d8:announce3:abc'), 'other', /torrent/],
  ['zeroes', new Uint8Array(64), 'other', /zero bytes/],
  ['JSON', bytes('\n{"a": 1}'), 'text', /JSON/],
  ['OpenPGP signature', bytes('-----BEGIN PGP SIGNATURE-----\n'), 'text', /OpenPGP signature/],
]

for (const [file, content, group, name] of CASES)
  test(`${file} is named, and refused as a model`, async () => {
    const found = formatOf(content, content.length)
    assert.equal(found?.group, group)
    assert.match(found.name, name)
    if (file === 'safetensors') return
    const { verdict, findings, kind } = await inspect(memorySource(content))
    assert.equal(verdict, 'reject')
    assert.equal(kind, null)
    assert.equal(findings[0]?.code, 'gguf_not_gguf')
    assert.match(findings[0].message, name)
  })

test('what is none of them is not called one', () => {
  for (const text of [
    '',
    'MZ is a label that this model often writes',
    'BZh is no compression here',
    'The model was quantised from BF16.\nimport it with llama.cpp',
    '# A model\n\nIt can say: let us = begin.',
    'REM sleep is the subject of this data set',
    'Classes of models: small, large',
    'licence: MIT\nfrom: somewhere\n',
    'vocabulary of 32,000 tokens',
    'PKU released the model',
    '(see the paper) for more',
    'cat\ndog\nparrot\n',
    'corporate users may write\nto us\n',
    'd is for data',
    'Invoke-nothing is not a command that does something',
  ])
    assert.equal(formatOf(new TextEncoder().encode(text), text.length), null, text)
  for (const [what, content] of [
    ['random bytes', [0x5a, 0x10, 0x99, 0xfe, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
    ['PKX', [0x50, 0x4b, 9, 9, 0, 0, 0, 0, 0xff]],
    ['a length without JSON', [4, 0, 0, 0, 0, 0, 0, 0, 0x41, 0x41, 0xff]],
  ] as const)
    assert.equal(formatOf(Uint8Array.from(content), content.length), null, what)
})

/** Python's own modules write the files whose formats they define. */
const MAKE = `
import bz2, gzip, io, lzma, marshal, os, pickle, py_compile, sqlite3, struct, sys, tarfile, zipfile
os.chdir(sys.argv[1])
class Evil:
    def __reduce__(self): return (os.system, ('id',))
for protocol in range(6):
    for name, value in (('dict', {'a': [1, 2.5, None]}), ('list', [1, 2]), ('evil', Evil())):
        if protocol > 1 or name != 'evil' or protocol == 0:
            open(f'pickle-{name}-{protocol}', 'wb').write(pickle.dumps(value, protocol))
open('archive-gzip', 'wb').write(gzip.compress(b'x' * 99))
open('archive-bzip2', 'wb').write(bz2.compress(b'x' * 99))
open('archive-xz', 'wb').write(lzma.compress(b'x' * 99))
with tarfile.open('archive-tar', 'w') as t: t.add('archive-gzip')
with zipfile.ZipFile('archive-zip', 'w') as z: z.writestr('a.txt', 'x')
with zipfile.ZipFile('pickle-torch', 'w') as z: z.writestr('model/data.pkl', pickle.dumps({}))
with zipfile.ZipFile('archive-npz', 'w') as z: z.writestr('a.npy', 'x')
open('x.py', 'w').write('import os')
py_compile.compile('x.py', cfile='program-pyc')
os.rename('x.py', 'script-python')
c = sqlite3.connect('other-sqlite'); c.execute('create table a (b)'); c.commit(); c.close()
`

test('files written by Python itself are recognised', async (t) => {
  if (!requireTool(t, 'python3')) return
  const dir = await tempDir(t)
  const { code, stderr } = await runTool('python3', ['-c', MAKE, dir])
  assert.equal(code, 0, stderr)
  const names = await readdir(dir)
  assert.ok(names.length > 20, names.join())
  for (const name of names) {
    const content = readFileSync(join(dir, name))
    assert.equal(formatOf(content.subarray(0, 4096), content.length)?.group, name.split('-')[0], name)
  }
})

test('hostile texts are read in linear time', () => {
  for (const unit of [
    '/**/',
    '//\n',
    '# \n',
    '<!--',
    '<!---->',
    '""""""\n',
    '\n \n',
    'import a.',
    '$a = ',
    'a\n',
    '{"schemaVersion":2',
  ])
    formatOf(new TextEncoder().encode(unit.repeat(4096).slice(0, 4096)), 1 << 20)
  // Catastrophic backtracking would never come here.
})
