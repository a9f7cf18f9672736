import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { requireTool, runTool, tempDir, type ToolResult } from '../../test/tools.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parseMagnet } from '../torrent/magnet.ts'
import { parseMetainfo } from '../torrent/metainfo.ts'
import { content } from '../torrent/torrent-fixture.ts'

const COMMIT = 'a'.repeat(40)

/** Runs one command as the program does, errors turned into exit codes, in a folder. */
const RUNNER = `
const [name, ...args] = process.argv.slice(1)
const module = await import(${JSON.stringify(new URL('.', import.meta.url).href)} + name + '.ts')
try {
  await module[name + 'Command']().parseAsync(args, { from: 'user' })
} catch (error) {
  process.stderr.write(error.code + ': ' + error.message)
  process.exitCode = error.facts?.exit ?? 1
}`

function qal(cwd: string, args: string[], env: Record<string, string> = {}): Promise<ToolResult> {
  return runTool(process.execPath, ['--input-type=module', '-e', RUNNER, ...args], {
    cwd,
    env: { ...process.env, ...env },
  })
}

async function json(
  cwd: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const result = await qal(cwd, [...args, '--json'], env)
  assert.equal(result.code, 0, result.stderr)
  return JSON.parse(result.stdout) as Record<string, unknown>
}

describe('when a torrent is made on the command line', () => {
  it('prints every key, writes the file, and each flag does its part', async (t) => {
    const dir = await tempDir(t)
    const bytes = content(100_000)
    await writeFile(join(dir, 'model.gguf'), bytes)
    const made = await json(
      dir,
      [
        'create',
        'model.gguf',
        '--announce',
        'udp://a.example:1/announce',
        '--announce',
        'wss://b.example',
        '--web-seed',
        'https://c.example/model.gguf',
        '--hf',
        `org/repo@${COMMIT}:sub dir/model.gguf`,
        '--comment',
        'hello',
      ],
      { QAL_HF_URL: 'http://127.0.0.1:9/', SOURCE_DATE_EPOCH: '1700000000' },
    )
    const url = `http://127.0.0.1:9/org/repo/resolve/${COMMIT}/sub%20dir/model.gguf`
    const read = await parseMetainfo(await readFile(join(dir, 'model.gguf.torrent')), nodeHashes)
    assert.deepEqual(
      [made['info_hash'], made['info_hash_v2'], made['piece_length'], made['name'], made['size_bytes']],
      [read.info_hash, read.info_hash_v2, 16_384, 'model.gguf', 100_000],
    )
    assert.equal(made['torrent'], 'model.gguf.torrent')
    assert.deepEqual(made['source'], {
      repository: 'org/repo',
      commit: COMMIT,
      path: 'sub dir/model.gguf',
      url,
    })
    const [file] = made['files'] as Record<string, unknown>[]
    assert.deepEqual(Object.keys(file ?? {}), ['path', 'size_bytes', 'sha256', 'md5', 'pieces_root'])
    assert.deepEqual(read.trackers, [['udp://a.example:1/announce'], ['wss://b.example']])
    assert.deepEqual(read.web_seeds, [url, 'https://c.example/model.gguf'])
    assert.deepEqual([read.comment, read.creation_date], ['hello', 1_700_000_000])
    assert.deepEqual(parseMagnet(String(made['magnet'])), {
      infoHash: read.info_hash,
      infoHashV2: read.info_hash_v2,
      name: 'model.gguf',
      size: 100_000,
      trackers: read.trackers.flat(),
      webSeeds: read.web_seeds,
      select: [],
    })
  })

  it('makes v1, without MD5, where it is told', async (t) => {
    const dir = await tempDir(t)
    await mkdir(join(dir, 'model'))
    await writeFile(join(dir, 'model/a'), content(10))
    const made = await json(dir, ['create', 'model', '--v1', '--no-md5', '-o', 'x.torrent'])
    assert.equal(made['info_hash_v2'], null)
    assert.deepEqual((made['files'] as Record<string, unknown>[])[0]?.['md5'], null)
    assert.equal((await parseMetainfo(await readFile(join(dir, 'x.torrent')), nodeHashes)).version, 'v1')
    assert.deepEqual(await readdir(dir), ['model', 'x.torrent'])
  })

  it('says it plainly too, and names what it left out on stderr', async (t) => {
    const dir = await tempDir(t)
    await mkdir(join(dir, 'model'))
    for (const name of ['a', 'b', '.DS_Store']) await writeFile(join(dir, 'model', name), content(10))
    const { stdout, stderr, code } = await qal(dir, ['create', 'model'])
    assert.equal(code, 0)
    assert.match(stdout, /^info hash {5}[0-9a-f]{40}$/m)
    assert.match(stdout, /^magnet {8}magnet:\?xt=urn:btih:[0-9a-f]{40}&xt=urn:btmh:/m)
    assert.match(stdout, /^magnet v1 {5}magnet:\?xt=urn:btih:[0-9a-f]{40}&dn=/m)
    assert.match(stdout, /^model\/b {2}10 bytes\n {2}sha256 [0-9a-f]{64}\n {2}md5 {4}[0-9a-f]{32}$/m)
    assert.equal(stderr, 'Left out, as names that begin with a dot are: .DS_Store\n')
  })

  const bad: [what: string, args: string[], exit: number, message: RegExp][] = [
    ['a path that is not there', ['nope'], 2, /^input_path/],
    ['a tracker that is none', ['a', '--announce', 'x'], 2, /^cli_usage: Cannot use --announce/],
    ['a web seed that is none', ['a', '--web-seed', 'ftp://x'], 2, /^cli_usage: Cannot use --web-seed/],
    ['a branch for --hf', ['a', '--hf', 'org/repo@main:a'], 2, /^cli_usage: Cannot use --hf/],
    ['a short commit for --hf', ['a', '--hf', 'org/repo@abcdef0:a'], 2, /^cli_usage: Cannot use --hf/],
    ['one tracker of two that is none', ['a', '--announce', 'udp://a.example:1,x://b'], 2, /^cli_usage/],
    ['an odd piece length', ['a', '--piece-length', '48k'], 2, /^cli_usage: Cannot use --piece-length/],
    ['a small piece length', ['a', '--piece-length', '8k'], 2, /^cli_usage: Cannot use --piece-length/],
    ['a piece length that is none', ['a', '--piece-length', 'many'], 2, /^cli_usage: Cannot use --piece/],
    ['dots in --hf', ['a', '--hf', `org/repo@${COMMIT}:../a`], 2, /^cli_usage: Cannot use --hf/],
    ['dots for a repository', ['a', '--hf', `../..@${COMMIT}:a`], 2, /^cli_usage: Cannot use --hf/],
    ['--hf with a folder', ['folder', '--hf', `org/repo@${COMMIT}:a`], 2, /^input_path/],
    ['an output that is a folder', ['a', '-o', 'folder'], 2, /^cli_usage: Cannot use --output/],
    ['an output in no folder', ['a', '-o', 'none/a'], 2, /^cli_usage: Cannot use --output/],
    ['a name that Windows reserves', ['con.gguf'], 4, /^torrent_path_reserved/],
    ['an empty file', ['empty'], 4, /^torrent_empty/],
  ]
  it('refuses, and writes nothing', async (t) => {
    const dir = await tempDir(t)
    await mkdir(join(dir, 'folder'))
    await writeFile(join(dir, 'folder/x'), 'x')
    for (const name of ['a', 'con.gguf']) await writeFile(join(dir, name), 'x')
    await writeFile(join(dir, 'empty'), '')
    const before = await readdir(dir)
    for (const [what, args, exit, message] of bad) {
      await t.test(what, async () => {
        const result = await qal(dir, ['create', ...args])
        assert.match(result.stderr, message)
        assert.equal(result.code, exit)
        assert.deepEqual(await readdir(dir), before)
      })
    }
  })

  it('takes tiers, each option one, with commas for more in it, and no tracker twice', async (t) => {
    const dir = await tempDir(t)
    await writeFile(join(dir, 'a'), 'x')
    const [a, b, c] = ['udp://a.example:1/x,y', 'udp://b.example:1', 'wss://c.example/']
    const made = await json(dir, ['create', 'a', '--announce', `${a},${b}`, '--announce', b, '--announce', c])
    const expected = [[a, b], [c]]
    assert.deepEqual(made['trackers'], expected)
    assert.deepEqual(
      (await parseMetainfo(await readFile(join(dir, 'a.torrent')), nodeHashes)).trackers,
      expected,
    )
    assert.deepEqual(parseMagnet(String(made['magnet'])).trackers, [a, b, c])
  })

  it('takes a piece length as people write it, and a web seed of a folder as a folder', async (t) => {
    const dir = await tempDir(t)
    await mkdir(join(dir, 'model'))
    await writeFile(join(dir, 'model/a'), content(10))
    for (const [text, bytes] of [
      ['65536', 65_536],
      ['64k', 65_536],
      ['64KiB', 65_536],
      ['4M', 4_194_304],
    ] as const) {
      const args = ['create', 'model', '--piece-length', text, '--web-seed', 'http://a.example/models']
      const made = await json(dir, args)
      assert.equal(made['piece_length'], bytes)
      assert.deepEqual(made['web_seeds'], ['http://a.example/models/', 'http://a.example/models/model/a'])
    }
    await writeFile(join(dir, 'model/b'), content(10))
    await json(dir, ['create', 'model', '--piece-length', '4M', '--web-seed', 'http://a.example/models'])
    const read = await parseMetainfo(await readFile(join(dir, 'model.torrent')), nodeHashes)
    assert.deepEqual([read.piece_length, read.web_seeds], [4_194_304, ['http://a.example/models/']])
  })
})

describe('when a torrent is shown', () => {
  it('has the keys of create, and says what it set aside', async (t) => {
    const dir = await tempDir(t)
    await writeFile(join(dir, 'a.gguf'), content(50_000))
    const made = await json(dir, ['create', 'a.gguf', '--announce', 'udp://a.example:1'])
    const shown = await json(dir, ['show', 'a.gguf.torrent'])
    for (const key of [
      'info_hash',
      'info_hash_v2',
      'magnet',
      'magnet_v1',
      'piece_length',
      'piece_count',
      'name',
      'size_bytes',
      'trackers',
    ]) {
      assert.deepEqual(shown[key], made[key], key)
    }
    assert.deepEqual(shown['ignored'], [])
    const { stdout, code } = await qal(dir, ['show', 'a.gguf.torrent'])
    assert.equal(code, 0)
    assert.match(stdout, new RegExp(`^info hash {5}${String(made['info_hash'])}$`, 'm'))
  })

  it('prints magnet links, whole or v1', async (t) => {
    const dir = await tempDir(t)
    await writeFile(join(dir, 'a.gguf'), content(50_000))
    const made = await json(dir, ['create', 'a.gguf'])
    assert.equal((await qal(dir, ['magnet', 'a.gguf.torrent'])).stdout, `${String(made['magnet'])}\n`)
    assert.equal(
      (await qal(dir, ['magnet', 'a.gguf.torrent', '--v1'])).stdout,
      `${String(made['magnet_v1'])}\n`,
    )
    assert.equal((await json(dir, ['magnet', 'a.gguf.torrent']))['magnet'], made['magnet'])
    assert.match((await qal(dir, ['show', 'a.gguf.torrent'])).stdout, /^magnet v1 {5}magnet:/m)
  })

  it('says what a magnet link says, and writes it whole or v1', async (t) => {
    const dir = await tempDir(t)
    await writeFile(join(dir, 'a.gguf'), content(50_000))
    const made = await json(dir, ['create', 'a.gguf', '--announce', 'udp://a.example:1'])
    const given = `${String(made['magnet']).replace('dn=a.gguf', 'dn=a+b.gguf')}&so=0,2-4`
    const said = await json(dir, ['magnet', given])
    assert.deepEqual(
      ['info_hash', 'info_hash_v2', 'name', 'size_bytes', 'trackers', 'select'].map((key) => said[key]),
      [
        made['info_hash'],
        made['info_hash_v2'],
        'a b.gguf',
        50_000,
        ['udp://a.example:1'],
        [
          [0, 0],
          [2, 4],
        ],
      ],
    )
    assert.deepEqual(parseMagnet(String(said['magnet'])), parseMagnet(given))
    const { stdout } = await qal(dir, ['magnet', given])
    assert.match(stdout, /^only files {4}0, 2 to 4$/m)
    assert.match(stdout, /^name {10}a b\.gguf$/m)
    assert.equal((await qal(dir, ['magnet', given, '--v1'])).stdout, `${String(said['magnet_v1'])}\n`)
    assert.equal(parseMagnet(String(said['magnet_v1'])).infoHashV2, null)
    const v2 = `magnet:?xt=urn:btmh:1220${String(made['info_hash_v2'])}`
    for (const [args, message] of [
      [[v2, '--v1'], /^torrent_magnet_no_hash/],
      [['magnet:?xt=urn:btih:x'], /^torrent_magnet_hash/],
    ] as const) {
      const result = await qal(dir, ['magnet', ...args])
      assert.equal(result.code, 4)
      assert.match(result.stderr, message)
    }
  })

  it('refuses what is hostile with 4, and what is not there with 2', async (t) => {
    const dir = await tempDir(t)
    await writeFile(join(dir, 'bad.torrent'), 'd4:infod4:name2:..ee')
    await writeFile(join(dir, 'large.torrent'), '')
    await truncate(join(dir, 'large.torrent'), 10_000_001)
    for (const command of ['show', 'magnet']) {
      for (const [name, exit, message] of [
        ['bad.torrent', 4, /^torrent_field_missing/],
        ['large.torrent', 4, /^torrent_bencode_size/],
        ['nope', 2, /^cli_usage/],
        ['.', 2, /^cli_usage/],
      ] as const) {
        const result = await qal(dir, [command, name])
        assert.equal(result.code, exit, name)
        assert.match(result.stderr, message)
      }
    }
  })
})

describe('when files are hashed', () => {
  it('says the same as sha256sum and md5sum, in order', async (t) => {
    if (!requireTool(t, 'sha256sum', 'md5sum')) return
    const dir = await tempDir(t)
    const sizes = { 'b.gguf': 300_001, 'a.gguf': 1, empty: 0 }
    for (const [name, size] of Object.entries(sizes))
      await writeFile(join(dir, name), content(size, size + 1))
    const names = Object.keys(sizes)
    const { files } = await json(dir, ['hash', ...names])
    const sums = async (tool: string): Promise<string[]> =>
      (await runTool(tool, names, { cwd: dir })).stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0] ?? '')
    const [sha256, md5] = [await sums('sha256sum'), await sums('md5sum')]
    assert.deepEqual(
      files,
      Object.entries(sizes).map(([path, size_bytes], index) => ({
        path,
        size_bytes,
        sha256: sha256[index],
        md5: md5[index],
      })),
    )
    const plain = await qal(dir, ['hash', 'a.gguf'])
    assert.match(
      plain.stdout,
      /^file {4}a\.gguf\nsize {4}1 bytes\nsha256 {2}[0-9a-f]{64}\nmd5 {5}[0-9a-f]{32}\n$/,
    )
  })

  it('refuses a folder and what is not there', async (t) => {
    const dir = await tempDir(t)
    for (const path of ['.', 'nope']) {
      const result = await qal(dir, ['hash', path])
      assert.equal(result.code, 2)
      assert.match(result.stderr, /^input_path/)
    }
  })
})

it('shows help with examples for every command', async (t) => {
  const dir = await tempDir(t)
  for (const command of ['create', 'show', 'magnet', 'hash']) {
    const { stdout, code } = await qal(dir, [command, '--help'])
    assert.equal(code, 0)
    assert.match(stdout, new RegExp(`Examples:\n {2}bin/qal ${command} `))
    assert.match(stdout, /--json/)
  }
})
