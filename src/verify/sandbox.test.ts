import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { SANDBOX_NODE, type SandboxOptions, runSandboxed, sandboxAvailable } from './sandbox.ts'
import { inCi } from '../../test/tools.ts'

const availability = await sandboxAvailable()
if (!availability.available && inCi()) throw new Error(availability.reason)
const skip = availability.available ? false : availability.reason

/** Runs a script inside; it prints what it could do. */
async function inside(script: string, options: Partial<SandboxOptions> = {}) {
  return runSandboxed({ timeoutMs: 30_000, ...options, command: [SANDBOX_NODE, '-e', script] })
}

describe('when a program runs in the sandbox', { skip }, () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qal-sandbox-'))
    writeFileSync(join(folder, 'secret'), 'secret')
    writeFileSync(join(folder, 'bound'), 'bound')
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('reads what is bound and writes nothing', async () => {
    const { stdout, exitCode } = await inside(
      `const fs = require('fs')
      console.log(fs.readFileSync('/in/bound', 'utf8'))
      for (const path of ['/in/bound', '/new', '/dev/new', '/dev/shm/new', '/sandbox/new', '/tmp/new'])
        try { fs.writeFileSync(path, 'x'); console.log('wrote', path) } catch {}`,
      { bind: { readOnly: [{ from: join(folder, 'bound'), to: '/in/bound' }] } },
    )
    assert.equal(exitCode, 0)
    assert.equal(stdout, 'bound\n')
  })

  it('reads nothing else', async () => {
    const paths = [
      join(folder, 'secret'),
      '/etc/passwd',
      '/etc/hostname',
      process.env['HOME'] ?? '/root',
      '/proc/self/environ',
      '/proc/1/root',
      '/sys',
      '/home',
      '/tmp',
      '/var',
      '/usr',
      import.meta.filename,
    ]
    const { stdout } = await inside(
      `const fs = require('fs')
      for (const path of ${JSON.stringify(paths)})
        try { fs.statSync(path); console.log('saw', path) } catch {}
      console.log('end')`,
    )
    assert.equal(stdout, 'end\n')
  })

  it('sees no network, not even the loopback of the machine', async () => {
    let reached = 0
    const server = createServer((socket) => {
      reached++
      socket.destroy()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    try {
      const { stdout } = await inside(
        `const net = require('net'), os = require('os')
        console.log(Object.values(os.networkInterfaces()).flat().filter((i) => !i.internal).length)
        const socket = net.connect(${port}, '127.0.0.1')
        socket.on('connect', () => { console.log('connected'); process.exit() })
        socket.on('error', (error) => console.log(error.code))`,
      )
      assert.match(stdout, /^0\n(?:ECONNREFUSED|ENETUNREACH)\n$/)
      assert.equal(reached, 0)
    } finally {
      server.close()
    }
  })

  it('has an empty environment, no other processes and no capabilities', async () => {
    process.env['QAL_SANDBOX_TEST'] = 'leak'
    try {
      const { stdout } = await inside(
        `console.log(Object.keys(process.env).sort().join())
        try { process.kill(${process.pid}, 0); console.log('saw the parent') } catch (error) { console.log(error.code) }
        require('net').createServer().once('error', (error) => console.log(error.code)).listen(80, '127.0.0.1', () => { console.log('bound port 80'); process.exit() })`,
      )
      assert.match(stdout, /^HOME,LANG,LD_LIBRARY_PATH(?:,PWD)?\nESRCH\nEACCES\n$/)
    } finally {
      delete process.env['QAL_SANDBOX_TEST']
    }
  })

  it('ends a memory bomb', async () => {
    const bombs = [
      `const kept = []; for (;;) kept.push(Buffer.alloc(64 << 20, 1))`,
      `const kept = []; for (;;) kept.push(new Array(1e6).fill(kept.length))`,
    ]
    for (const bomb of bombs) {
      const result = await inside(`process.stdout.write('start'); ${bomb}`, { memoryBytes: 1024 ** 3 })
      assert.equal(result.stdout, 'start')
      assert.notEqual(result.exitCode, 0)
      assert.equal(result.killedFor, null, 'the limit ended it, not the clock')
    }
  })

  it('ends an endless loop by the clock, and its children with it', async () => {
    const result = await inside(
      `require('child_process').spawn(process.execPath, ['-e', 'process.stdout.write("child"); for (;;);'], { detached: true, stdio: 'inherit' })
      setTimeout(() => { for (;;); }, 500)`,
      { timeoutMs: 1_500 },
    )
    // That it came back at all says the children are gone: they held its pipes.
    assert.equal(result.killedFor, 'timeout')
    assert.equal(result.stdout, 'child')
    assert.ok(result.seconds < 10, `${result.seconds} s`)
  })

  it('ends an endless loop by its CPU time', async () => {
    const result = await inside('for (;;);', { cpuSeconds: 1, timeoutMs: 30_000 })
    assert.equal(result.killedFor, null)
    assert.notEqual(result.exitCode, 0)
    assert.ok(result.seconds < 15, `${result.seconds} s`)
  })

  for (const stream of ['stdout', 'stderr'] as const)
    it(`cuts a flood on ${stream}`, async () => {
      const result = await inside(
        `const line = 'x'.repeat(65536); const more = () => process.${stream}.write(line, more); more()`,
        { maxOutputBytes: 100_000 },
      )
      assert.equal(result.killedFor, 'output')
      assert.equal(result[stream].length, 100_000)
    })

  it('stops when it is told to', async () => {
    const control = new AbortController()
    setTimeout(() => control.abort(), 700)
    const result = await inside('for (;;);', { signal: control.signal })
    assert.equal(result.killedFor, 'abort')
  })
})
