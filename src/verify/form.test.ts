import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { ListedFile } from '../core/events.ts'
import { tinyLlama } from '../gguf/tiny-llama.ts'
import { writeGguf } from '../gguf/write.ts'
import { tempDir } from '../../test/tools.ts'
import { judgeForm } from './form.ts'

const MODEL = tinyLlama({ seed: 5, name: 'Tiny', type: 'Q8_0' })

interface Extra {
  path: string
  content: Uint8Array | string
  role?: ListedFile['role']
  /** Whether the torrent brought it. */
  absent?: boolean
}

async function judge(
  t: TestContext,
  extras: readonly Extra[],
  model: Extra = { path: 'tiny-Q8_0.gguf', content: MODEL },
) {
  const dir = await tempDir(t)
  const files: Extra[] = [{ role: 'model', ...model }, ...extras]
  for (const { path, content } of files) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), content)
  }
  const listed = files.map(({ path, content, role = 'other' }): ListedFile => {
    return { path, size_bytes: content.length, sha256: null, md5: null, pieces_root: null, role }
  })
  const form = await judgeForm({
    job: {
      listing_id: '01JZZZZZZZZZZZZZZZZZZZZZZZ',
      torrent: new Uint8Array(),
      files: listed,
      label: 'Q8_0',
    },
    fetched: {
      files: files.flatMap(({ path, content, absent }) =>
        absent === true ? [] : [{ path, diskPath: join(dir, path), size: content.length }],
      ),
    },
  })
  const checks = form.judge.checks.filter(({ id }) => id === 'extra_files')
  return { ...form, checks, verdicts: Object.fromEntries(checks.map(({ path, verdict }) => [path, verdict])) }
}

test('a model alone needs no check of other files', async (t) => {
  const { judge: found, checks, runnable } = await judge(t, [])
  assert.equal(found.verdict, 'pass')
  assert.deepEqual(checks, [])
  assert.ok(runnable)
})

test('what explains a model passes, one check a file', async (t) => {
  const { judge: found, verdicts } = await judge(t, [
    { path: 'README.md', content: '# Tiny\n', role: 'readme' },
    { path: 'LICENSE', content: 'MIT\n' },
    { path: 'config.json', content: '{}' },
    { path: 'tiny-Q8_0.gguf.asc', content: '-----BEGIN PGP SIGNATURE-----\n', role: 'signature' },
  ])
  assert.equal(found.verdict, 'pass', found.summary)
  assert.deepEqual(verdicts, {
    'README.md': 'pass',
    LICENSE: 'pass',
    'config.json': 'pass',
    'tiny-Q8_0.gguf.asc': 'pass',
  })
})

test('one file that does not belong there fails the whole, and nothing is run', async (t) => {
  for (const [path, content] of [
    ['setup.exe', 'MZ\u0090\0'],
    ['run.py', 'import os\n'],
    ['pytorch_model.bin', 'x'],
    ['README.md', '#!/bin/sh\n'],
    ['folder/a.zip', 'PK'],
    ['unknown.xyz', 'x'],
  ] as const) {
    const form = await judge(t, [
      { path: 'LICENSE', content: 'MIT\n' },
      { path, content },
    ])
    assert.equal(form.judge.verdict, 'fail', path)
    assert.equal(form.runnable, false, path)
    assert.deepEqual(form.verdicts, { LICENSE: 'pass', [path]: 'fail' })
    assert.ok(form.checks.every(({ message }) => message.length <= 500))
  }
})

test('a text too large to be looked at whole keeps the form from passing', async (t) => {
  const { judge: found, verdicts } = await judge(t, [
    { path: 'notes.txt', content: new Uint8Array(64 * 1024 * 1024 + 1).fill(0x61) },
  ])
  assert.deepEqual(verdicts, { 'notes.txt': 'skipped' })
  assert.equal(found.verdict, 'skipped')
})

test('a file that was not downloaded fails', async (t) => {
  const { judge: found } = await judge(t, [{ path: 'LICENSE', content: 'MIT\n', absent: true }])
  assert.equal(found.verdict, 'fail')
})

test('a projector, adapter or importance matrix is what its name says', async (t) => {
  const imatrix = writeGguf({
    metadata: [['general.type', { type: 'string', value: 'imatrix' }]],
    tensors: ['in_sum2', 'counts'].map((name) => ({
      name: `blk.0.attn_q.weight.${name}`,
      dims: name === 'counts' ? [1] : [8],
      type: 'F32' as const,
      data: new Uint8Array(Float32Array.from({ length: name === 'counts' ? 1 : 8 }, (_, i) => i + 1).buffer),
    })),
  })
  const good = await judge(t, [{ path: 'tiny.imatrix.gguf', content: imatrix, role: 'imatrix' }])
  assert.deepEqual(good.verdicts, { 'tiny.imatrix.gguf': 'pass' })
  assert.equal(good.judge.verdict, 'pass', good.judge.summary)
  for (const role of ['mmproj', 'lora'] as const) {
    const bad = await judge(t, [{ path: `${role}.gguf`, content: imatrix, role }])
    assert.deepEqual(bad.verdicts, { [`${role}.gguf`]: 'fail' })
    assert.equal(bad.judge.verdict, 'fail')
  }
})

test('a second model beside it may not lie either', async (t) => {
  const other = tinyLlama({ seed: 6, name: 'Other', type: 'F16' })
  const honest = await judge(t, [{ path: 'tiny-F16.gguf', content: other }])
  assert.equal(honest.judge.verdict, 'pass', honest.judge.summary)
  const lie = await judge(t, [{ path: 'tiny-Q4_K_M.gguf', content: other }])
  assert.equal(lie.judge.verdict, 'fail')
  assert.ok(
    lie.judge.checks.some(
      ({ id, path, verdict }) => id === 'quantisation' && path === 'tiny-Q4_K_M.gguf' && verdict === 'fail',
    ),
  )
})

test('a model with the name of a program fails, one whose name says nothing does not', async (t) => {
  assert.equal((await judge(t, [], { path: 'model.exe', content: MODEL })).judge.verdict, 'fail')
  assert.equal((await judge(t, [], { path: 'Tiny v1.5 8B', content: MODEL })).judge.verdict, 'pass')
})

/** The tiny model with another chat template in the place of its own, filled up with a comment. */
function withTemplate(template: string): Uint8Array {
  const bytes = Buffer.from(MODEL)
  const own = '{% for message in messages %}'
  const at = bytes.indexOf(own)
  const length = Number(bytes.readBigUInt64LE(at - 8))
  assert.ok(template.length <= length)
  bytes.write(`${`${template}{#`.padEnd(length - 2, ' .')}#}`, at, 'utf8')
  return bytes
}

test('the chat template passes, waits for a reader, or fails', async (t) => {
  const cases: [template: string, check: string | undefined, judged: string, state: string][] = [
    ['{{ messages[0].content }}', 'pass', 'pass', 'clean'],
    ["{% if 'bank' in messages[0].content %}x{% endif %}", 'skipped', 'pass', 'warn'],
    ["{{ ''.__class__ }}", 'fail', 'fail', 'reject'],
  ]
  for (const [template, check, judged, state] of cases) {
    const { judge: found, inspection } = await judge(t, [], {
      path: 'tiny-Q8_0.gguf',
      content: withTemplate(template),
    })
    const made = found.checks.find(({ id }) => id === 'template')
    assert.deepEqual([made?.verdict, found.verdict], [check, judged], template)
    const [recorded] = inspection?.templates ?? []
    assert.deepEqual([recorded?.name, recorded?.state], ['default', state])
    assert.match(recorded?.sha256 ?? '', /^[0-9a-f]{64}$/)
  }
})
