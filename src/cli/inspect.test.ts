import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tempDir, runTool } from '../../test/tools.ts'
import { tinyLlama, type Inspection } from '../gguf/index.ts'

const QAL = fileURLToPath(new URL('main.ts', import.meta.url))
const TSX = fileURLToPath(new URL('../../scripts/tsx.mjs', import.meta.url))

function qal(...args: string[]) {
  return runTool(process.execPath, ['--import', TSX, QAL, 'inspect', ...args])
}

test('the exit code is the verdict', async (t) => {
  const dir = await tempDir(t)
  const make = async (name: string, bytes: Uint8Array) => {
    const path = join(dir, name)
    await writeFile(path, bytes)
    return path
  }
  const good = await make('tiny-Q8_0.gguf', tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0' }))
  const lie = await make('lie.gguf', tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0', fileType: 15 }))
  const escapes = await make(
    'x.gguf',
    tinyLlama({ seed: 1, name: '\u001b]0;owned\u0007\u202e\u009b2J', type: 'Q8_0' }),
  )
  const page = await make('page.gguf', Buffer.from('<!doctype html><title>404</title>'))
  const cases: [string[], number, string | null][] = [
    [[good], 0, 'accept'],
    [[good, '--label', 'Q8_0'], 0, 'accept'],
    [[good, '--label', 'Q4_K_M'], 3, 'mislabelled'],
    [[lie], 3, 'mislabelled'],
    [[escapes], 0, 'warn'],
    [[page], 4, 'reject'],
    [[good, '--label', 'nonsense'], 2, null],
    [[join(dir, 'absent.gguf')], 2, null],
    [[], 2, null],
  ]
  for (const [args, code, verdict] of cases) {
    const { code: found, stdout, stderr } = await qal(...args, '--json')
    assert.equal(found, code, `${args.join(' ')}: ${stdout}${stderr}`)
    if (verdict === null) continue
    const inspection = JSON.parse(stdout) as Inspection
    assert.equal(inspection.verdict, verdict)
    // eslint-disable-next-line no-control-regex -- their absence is what is tested
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
  }
  const { stdout } = await qal(escapes)
  assert.match(stdout, /^WARN {2}x\.gguf\n/)
  assert.match(stdout, /\\u\{1b\}\]0;owned\\u\{7\}\\u\{202e\}\\u\{9b\}2J/)
  // eslint-disable-next-line no-control-regex -- as above
  assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
})

test('the report says what the file really is, and the help shows how', async (t) => {
  const path = join(await tempDir(t), 'tiny-Q4_K_M.gguf')
  await writeFile(path, tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0', fileType: 15 }))
  const { stdout } = await qal(path)
  assert.match(stdout, /^MISLABELLED {2}tiny-Q4_K_M\.gguf\n/)
  assert.match(stdout, /The file name says Q4_K_M, but every tensor matches Q8_0/)
  assert.match(stdout, /blk\.0\.attn_k\.weight is Q8_0, expected Q4_K/)
  const listed = await qal(path, '--tensors')
  assert.match(listed.stdout, /blk\.0\.attn_k\.weight +256 x 256 +Q8_0 +DIFFERS, expected Q4_K\n/)
  assert.match(listed.stdout, /output_norm\.weight +256 +F32 +as expected\n/)
  const rows = JSON.parse((await qal(path, '--tensors', '--json')).stdout) as Inspection
  assert.equal(rows.tensor_table?.length, rows.tensors)
  const help = await qal('--help')
  assert.equal(help.code, 0)
  assert.match(help.stdout, /Examples:\n {2}bin\/qal inspect/)
})

test('the template is compared with its publisher’s', async (t) => {
  const dir = await tempDir(t)
  const write = async (name: string, bytes: string | Uint8Array) => {
    const path = join(dir, name)
    await writeFile(path, bytes)
    return path
  }
  const model = await write('tiny-Q8_0.gguf', tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0' }))
  const { template } = JSON.parse((await qal(model, '--json')).stdout) as Inspection
  const [hash] = Object.values(template?.sha256 ?? {})
  assert.match(hash ?? '', /^[0-9a-f]{64}$/)
  assert.equal(template?.upstream, null)

  const same = await qal(model, '--upstream', model)
  assert.equal(same.code, 0)
  assert.match(same.stdout, new RegExp(`template .*nothing found in it, SHA-256 ${hash}`))
  assert.match(same.stdout, /upstream +tiny-Q8_0\.gguf: the same to the letter/)

  const jinja = await write('other.jinja', "{{ messages[0].content }}{{ 'a b' }}")
  const other = await qal(model, '--upstream', jinja)
  assert.equal(other.code, 0, 'a difference is a warning')
  assert.match(other.stdout, /^WARN/)
  assert.match(other.stdout, /upstream +other\.jinja: differs/)
  assert.match(other.stdout, /removed text: a b\n/)

  const json = JSON.parse((await qal(model, '--upstream', jinja, '--json')).stdout) as Inspection
  assert.equal(json.template?.upstream?.templates['tokenizer.chat_template']?.state, 'differs')

  const config = await write('tokenizer_config.json', JSON.stringify({ model_max_length: 1 }))
  assert.equal((await qal(model, '--upstream', config)).code, 4)
  assert.equal((await qal(model, '--upstream', join(dir, 'absent'))).code, 2)
})

test('a model on the web is inspected by its header alone', async (t) => {
  const bytes = tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0' })
  let sent = 0
  const server = createServer((request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    if (request.url === '/whole-Q8_0.gguf' || from === undefined) {
      response.end(bytes)
      return
    }
    if (request.url !== '/a%20b/tiny-Q8_0.gguf') {
      response.writeHead(404).end()
      return
    }
    const part = bytes.subarray(Number(from), Number(to) + 1)
    sent += part.length
    response.writeHead(206, {
      'content-range': `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`,
      etag: '"tiny"',
    })
    response.end(part)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => server.close())
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { code, stdout, stderr } = await qal(`${base}/a%20b/tiny-Q8_0.gguf`, '--json')
  assert.equal(code, 0, stderr)
  const inspection = JSON.parse(stdout) as Inspection
  assert.equal(inspection.quantisation?.match, 'exact')
  assert.equal(inspection.file_name, 'tiny-Q8_0.gguf')
  assert.deepEqual(inspection.weights?.bytes_read, 0)
  assert.ok(sent < bytes.length / 2, `${sent} of ${bytes.length} bytes`)
  const whole = await qal(`${base}/whole-Q8_0.gguf`)
  assert.equal(whole.code, 1)
  assert.match(whole.stderr, /only sends all of it/)
  assert.equal((await qal(`${base}/absent.gguf`)).code, 1)
})
