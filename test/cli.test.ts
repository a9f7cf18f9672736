import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { link, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { qal, runSite } from './site.ts'
import { tempDir } from './tools.ts'

const START = ['../scripts/tsx.mjs', '../src/deploy/start.ts'].flatMap((path, index) => [
  ...(index === 0 ? ['--import'] : []),
  fileURLToPath(new URL(path, import.meta.url)),
])

/** The program as a whole: each command answers, and ends with the exit code that DESIGN's table gives. */
describe('when bin/qal is called', () => {
  it('shows help with examples for every command it names', async () => {
    const { code, stdout } = await qal(['--help'])
    assert.equal(code, 0)
    const commands = [...stdout.matchAll(/^ {2}([a-z]+)/gm)]
      .map(([, name]) => name ?? '')
      .filter((name) => name !== 'help')
    for (const name of [
      'create',
      'show',
      'magnet',
      'hash',
      'inspect',
      'verify',
      'get',
      'seed',
      'audit',
      'serve',
      'admin',
    ])
      assert.ok(commands.includes(name), name)
    for (const name of commands) {
      const path = name === 'admin' ? ['admin', 'token'] : [name]
      const help = await qal([...path, '--help'])
      assert.equal(help.code, 0, name)
      assert.match(help.stdout, /Examples?:/, name)
      assert.match(help.stdout, /--json/, name)
    }
  })

  it('ends with 2 for a wrong call, and says what to do', async () => {
    for (const args of [
      [],
      ['nonsense'],
      ['hash'],
      ['hash', '--nonsense'],
      ['hash', '/nowhere/at/all'],
      ['serve', '--port', 'x'],
      ['admin', 'token'],
    ]) {
      const { code, stderr, stdout } = await qal(args)
      assert.equal(code, 2, args.join(' '))
      assert.ok((stderr + stdout).length > 10, args.join(' '))
    }
  })

  it('never writes a torrent over a model, nor over any file that is no torrent', async (t) => {
    const dir = await tempDir(t)
    const model = join(dir, 'model.gguf')
    await writeFile(model, 'GGUF and then the weights')
    await writeFile(join(dir, 'notes.txt'), 'keep me')
    await symlink(model, join(dir, 'link.torrent'))
    await writeFile(join(dir, 'diary.txt'), 'dear diary: begins as a torrent does')
    await link(model, join(dir, 'hard.torrent'))
    for (const output of ['model.gguf', 'notes.txt', 'diary.txt', 'link.torrent', 'hard.torrent'])
      assert.equal((await qal(['create', model, '-o', join(dir, output)])).code, 2, output)
    assert.equal((await qal(['create', dir, '-o', join(dir, 'inside.torrent')])).code, 2)
    assert.equal(await readFile(model, 'utf8'), 'GGUF and then the weights')
    for (const said of ['', 'Replacing the torrent']) {
      const made = await qal(['create', model, '-o', join(dir, 'out.torrent')])
      assert.equal(made.code, 0)
      assert.ok(made.stderr.includes(said), made.stderr)
    }
    // Forced, any other file is replaced, but never what the torrent is made of.
    const forced = (name: string) => qal(['create', model, '--force', '-o', join(dir, name)])
    assert.equal((await forced('diary.txt')).code, 0)
    for (const name of ['model.gguf', 'hard.torrent', 'link.torrent'])
      assert.equal((await forced(name)).code, 2, name)
    // A torrent of a torrent would otherwise replace a torrent, as is allowed.
    const torrent = join(dir, 'out.torrent')
    assert.equal((await qal(['create', torrent, '-o', torrent])).code, 2)
    assert.equal(await readFile(model, 'utf8'), 'GGUF and then the weights')
  })

  it('makes no data folder by mistake, and ends at once where none can be', async (t) => {
    const dir = await tempDir(t)
    assert.equal((await qal(['admin', 'token', '--as', 'alice', '--data', join(dir, 'typo')])).code, 2)
    assert.equal(existsSync(join(dir, 'typo')), false)
    assert.equal(
      (await qal(['admin', 'token', '--as', 'alice', '--init', '--data', join(dir, 'new')])).code,
      0,
    )
    for (const data of ['/proc/x', '/dev/null/x']) {
      const { code, stderr } = await qal(['serve', '--port', '0', '--data', data])
      assert.equal(code, 2, data)
      assert.match(stderr, /--data/)
    }
  })

  it('says in a sentence which address or data folder cannot be used', async (t) => {
    const data = await tempDir(t)
    await mkdir(join(data, 'ledger.sqlite'))
    for (const call of [start, serve]) {
      const folder = await call('--data', data)
      assert.equal(folder.code, 2, folder.stderr)
      assert.match(folder.stderr, /Cannot use the data folder .*--data/)
      // TEST-NET-3 is no address of this machine.
      const host = await call('--host', '203.0.113.9', '--data', join(data, 'new'))
      assert.equal(host.code, 2, host.stderr)
      assert.match(host.stderr, /Cannot listen on .*--host/)
      assert.equal((await call('--nonsense')).code, 2)
    }
  })

  it('says its version, and points to the help', async () => {
    const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    assert.equal((await qal(['--version'])).stdout, `${manifest.version}\n`)
    assert.match((await qal(['nonsense'])).stderr, /--help/)
    assert.match((await qal(['admin', '--help'])).stdout, /Examples:/)
  })

  it('ends with 4 for hostile input and 3 for a claim that does not hold', async (t) => {
    const dir = await tempDir(t)
    const path = join(dir, 'x.gguf')
    await writeFile(path, 'MZ this is no model')
    assert.equal((await qal(['inspect', path])).code, 4)
    assert.equal((await qal(['show', path])).code, 4)
    const wrong = await qal(['verify', path, '--sha256', '0'.repeat(64), '--json'])
    assert.equal(wrong.code, 3)
    assert.doesNotThrow(() => JSON.parse(wrong.stdout))
    const bad = await qal(['show', path, '--json'])
    assert.equal((JSON.parse(bad.stdout) as { error: { code: string } }).error.code.split('_')[0], 'torrent')
  })

  it('makes tokens that a running site takes', async (t) => {
    const site = await runSite()
    t.after(() => site.stop())
    const made = await qal([
      'admin',
      'token',
      '--as',
      '@newcomer',
      '--role',
      'moderator',
      '--data',
      site.data,
      '--json',
    ])
    assert.equal(made.code, 0, made.stderr)
    const { token, handle, expires_at } = JSON.parse(made.stdout) as Record<string, string>
    assert.equal(handle, 'newcomer')
    assert.ok(Date.parse(expires_at ?? '') > Date.now())
    const answer = await fetch(`${site.url}/api/models?status=all`, {
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(answer.status, 200)
    const short = await qal(['admin', 'token', '--as', 'x', '--days', '0', '--data', site.data])
    assert.equal(short.code, 2)
    assert.equal((await qal(['admin', 'token', '--as', 'Not A Handle', '--data', site.data])).code, 2)
  })

  it('says so when the port is taken, and leaves nothing running', async (t) => {
    const site = await runSite()
    t.after(() => site.stop())
    const { code, stderr } = await qal([
      'serve',
      '--port',
      new URL(site.url).port,
      '--data',
      await tempDir(t),
    ])
    assert.equal(code, 2)
    assert.match(stderr, /--port/)
  })
})

function start(...args: string[]): { code: number | null; stderr: string } {
  const child = spawnSync(process.execPath, [...START, '--port', '0', ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { code: child.status, stderr: child.stderr }
}

function serve(...args: string[]): ReturnType<typeof qal> {
  return qal(['serve', '--port', '0', ...args])
}
