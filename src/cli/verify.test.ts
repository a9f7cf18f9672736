import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gpgMissing, openGpg } from '../sign/gpg.suite.ts'
import { generateSigningKey, signDetached } from '../sign/keys.ts'

const MAIN = join(import.meta.dirname, 'main.ts')
const DATA = randomBytes(500_000)
const SHA256 = createHash('sha256').update(DATA).digest('hex')
const MD5 = createHash('md5').update(DATA).digest('hex')
const ID = '01JZ0000000000000000000000'
const WRONG = '0'.repeat(64)

let dir: string
let file: string
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'qal-verify-cli-'))
  file = put('model.gguf', DATA)
  const key = await generateSigningKey({ name: 'A', email: 'a@example.org' })
  const other = await generateSigningKey({ name: 'B', email: 'b@example.org' })
  put('key.asc', key.public_key)
  put('secret.asc', key.private_key)
  put('other.asc', other.public_key)
  put('good.sig', await signDetached(DATA, key))
  put('wrong.sig', await signDetached(DATA.subarray(1), key))
  put('not.sig', 'hello')
  const model = {
    id: ID,
    model: 'model.gguf',
    sha256: SHA256,
    md5: MD5,
    size_bytes: DATA.length,
    verified_by: [],
    status: 'published',
    tier: 'trusted',
    consensus: 'VERIFIED',
  }
  const other2 = { ...model, id: '01JZ0000000000000000000001', sha256: WRONG }
  put('models.json', JSON.stringify({ version: 1, generated_at: '', models: [other2, model] }))
  put('one.json', JSON.stringify(model))
  put('wrong.json', JSON.stringify({ ...model, sha256: WRONG }))
  put('nothing.json', JSON.stringify({ id: ID, model: 'model.gguf', md5: MD5 }))
  put('empty-sha.json', JSON.stringify({ ...model, sha256: '' }))
  put('twice.json', JSON.stringify({ models: [model, model] }))
  put('not.json', 'hello')
  const files = [
    { path: 'folder/model.gguf', sha256: SHA256, md5: null, size_bytes: DATA.length },
    { path: 'folder/else.gguf', sha256: WRONG, md5: null, size_bytes: 1 },
  ]
  put('several.json', JSON.stringify({ ...model, sha256: WRONG, files }))
  put(
    'several-null.json',
    JSON.stringify({ ...model, files: files.map((one) => ({ ...one, sha256: null })) }),
  )
})
after(() => rmSync(dir, { recursive: true, force: true }))

function put(name: string, content: string | Uint8Array): string {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}

interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

function qal(args: string[], env: Record<string, string> = {}): Promise<Outcome> {
  const { QAL_SITE: _, ...inherited } = process.env
  const child = spawn(
    process.execPath,
    ['--import', join(import.meta.dirname, '../../scripts/tsx.mjs'), MAIN, 'verify', ...args],
    {
      cwd: dir,
      env: { ...inherited, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const outcome: Outcome = { code: null, stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (outcome.stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (outcome.stderr += String(chunk)))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ ...outcome, code }))
  })
}

describe('qal verify', { concurrency: 2 }, () => {
  const cases: [string, string[], number][] = [
    ['a matching SHA-256', ['model.gguf', '--sha256', SHA256], 0],
    ['a matching SHA-256 in capitals', ['model.gguf', '--sha256', SHA256.toUpperCase()], 0],
    ['another SHA-256', ['model.gguf', '--sha256', WRONG], 3],
    ['matching MD5 and size', ['model.gguf', '--sha256', SHA256, '--md5', MD5, '--size', '500000'], 0],
    ['another MD5', ['model.gguf', '--sha256', SHA256, '--md5', 'f'.repeat(32)], 3],
    ['another size', ['model.gguf', '--sha256', SHA256, '--size', '499999'], 3],
    ['its entry of a manifest', ['model.gguf', '--manifest', 'models.json', '--id', ID], 0],
    [
      'another entry of a manifest',
      ['model.gguf', '--manifest', 'models.json', '--id', '01JZ0000000000000000000001'],
      3,
    ],
    ['one model', ['model.gguf', '--manifest', 'one.json'], 0],
    ['one model of another SHA-256', ['model.gguf', '--manifest', 'wrong.json'], 3],
    [
      'a manifest, with another SHA-256 beside it',
      ['model.gguf', '--manifest', 'one.json', '--sha256', WRONG],
      3,
    ],
    ['its file among several', ['model.gguf', '--manifest', 'several.json'], 0],
    ['a good signature', ['model.gguf', '--sha256', SHA256, '--sig', 'good.sig', '--key', 'key.asc'], 0],
    [
      'a signature over another file',
      ['model.gguf', '--sha256', SHA256, '--sig', 'wrong.sig', '--key', 'key.asc'],
      3,
    ],
    [
      'a signature by another key',
      ['model.gguf', '--sha256', SHA256, '--sig', 'good.sig', '--key', 'other.asc'],
      3,
    ],
    ['no signature', ['model.gguf', '--sha256', SHA256, '--sig', 'not.sig', '--key', 'key.asc'], 4],
    ['a secret key', ['model.gguf', '--sha256', SHA256, '--sig', 'good.sig', '--key', 'secret.asc'], 4],
    ['no JSON', ['model.gguf', '--manifest', 'not.json'], 4],
    ['a manifest without SHA-256', ['model.gguf', '--manifest', 'nothing.json'], 4],
    ['a manifest with an empty SHA-256', ['model.gguf', '--manifest', 'empty-sha.json'], 4],
    ['several files without SHA-256', ['model.gguf', '--manifest', 'several-null.json'], 4],
    ['an id that is twice', ['model.gguf', '--manifest', 'twice.json', '--id', ID], 4],
    ['an id that is not there', ['model.gguf', '--manifest', 'models.json', '--id', 'x'], 4],
    ['several models and no id', ['model.gguf', '--manifest', 'models.json'], 2],
    ['a file of another name among several', ['one.json', '--manifest', 'several.json'], 2],
    ['nothing to compare with', ['model.gguf'], 2],
    ['only an MD5', ['model.gguf', '--md5', MD5], 2],
    ['a SHA-256 that is none', ['model.gguf', '--sha256', 'abc'], 2],
    ['an MD5 that is none', ['model.gguf', '--sha256', SHA256, '--md5', 'zz'], 2],
    ['a size that is none', ['model.gguf', '--sha256', SHA256, '--size', '1e3'], 2],
    ['a signature without key', ['model.gguf', '--sha256', SHA256, '--sig', 'good.sig'], 2],
    [
      'a key that is not there',
      ['model.gguf', '--sha256', SHA256, '--sig', 'good.sig', '--key', 'absent'],
      2,
    ],
    ['a manifest that is not there', ['model.gguf', '--manifest', 'absent.json'], 2],
    ['a file that is not there', ['absent.gguf', '--sha256', SHA256], 2],
    ['a folder', ['.', '--sha256', SHA256], 2],
    ['an id without site', ['model.gguf', '--id', ID], 2],
    ['a site that is no URL', ['model.gguf', '--id', ID, '--site', 'file:///etc'], 2],
    ['an unknown option', ['model.gguf', '--nonsense'], 2],
    ['help', ['--help'], 0],
  ]
  for (const [name, args, code] of cases)
    it(`exits ${code} for ${name}`, async () => {
      const outcome = await qal(args)
      assert.equal(outcome.code, code, `${outcome.stdout}${outcome.stderr}`)
      if (code === 0) assert.equal(outcome.stderr, '')
      if (code === 3) assert.match(outcome.stdout, /DO NOT/)
      if (code === 3) assert.doesNotMatch(outcome.stdout, /is what was published/)
    })

  it('prints JSON, for a match and for a mismatch', async () => {
    const good = await qal([
      'model.gguf',
      '--manifest',
      'models.json',
      '--id',
      ID,
      '--sig',
      'good.sig',
      '--key',
      'key.asc',
      '--json',
    ])
    const document = JSON.parse(good.stdout)
    assert.equal(document.matches, true)
    assert.equal(document.sha256, SHA256)
    assert.equal(document.md5, MD5)
    assert.equal(document.size_bytes, DATA.length)
    assert.equal(document.signature.state, 'good')
    assert.equal(document.published.tier, 'trusted')
    assert.deepEqual(
      document.checks.map((check: { id: string }) => check.id),
      ['size', 'sha256', 'md5'],
    )
    const bad = await qal(['model.gguf', '--sha256', WRONG, '--json'])
    assert.equal(bad.code, 3)
    assert.deepEqual(JSON.parse(bad.stdout).checks, [
      { id: 'sha256', matches: false, expected: WRONG, found: SHA256 },
    ])
    assert.equal(JSON.parse(bad.stdout).md5, null)
  })

  it('asks a site for its id, by option and by environment', async () => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.url ?? '')
      if (request.url === `/models/${ID}.json`)
        response.end(JSON.stringify({ id: ID, model: 'm', sha256: SHA256 }))
      else response.writeHead(request.url?.includes('broken') ? 500 : 404).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      assert.equal((await qal(['model.gguf', '--id', ID, '--site', `${site}/`])).code, 0)
      assert.equal((await qal(['model.gguf', '--id', ID], { QAL_SITE: site })).code, 0)
      assert.equal((await qal(['model.gguf', '--manifest', `${site}/models/${ID}.json`])).code, 0)
      assert.equal((await qal(['model.gguf', '--id', 'absent', '--site', site])).code, 2)
      assert.equal((await qal(['model.gguf', '--manifest', `${site}/broken`])).code, 1)
      assert.deepEqual(
        asked.slice(0, 3),
        Array.from({ length: 3 }, () => `/models/${ID}.json`),
      )
    } finally {
      server.close()
    }
    assert.equal((await qal(['model.gguf', '--id', ID, '--site', site])).code, 1)
  })

  it('agrees with gpg', { skip: gpgMissing() }, async () => {
    const box = openGpg()
    try {
      const fingerprint = box.key('rsa <rsa@example.org>', 'rsa2048')
      put('gpg.key', box.gpg(['--export', fingerprint]))
      put('gpg.sig', box.gpg(['-u', fingerprint, '--detach-sign'], DATA))
      const outcome = await qal([
        'model.gguf',
        '--sha256',
        SHA256,
        '--sig',
        'gpg.sig',
        '--key',
        'gpg.key',
        '--json',
      ])
      assert.equal(outcome.code, 0, outcome.stdout)
      assert.equal(JSON.parse(outcome.stdout).signature.fingerprint, fingerprint)
      assert.equal(box.verify(join(dir, 'gpg.sig'), file).status, 0)
    } finally {
      box.close()
    }
  })
})
