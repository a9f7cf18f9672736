/** `bin/qal create` at a terminal: the bar, and a Ctrl-C in the middle of a large file. */
import assert from 'node:assert/strict'
import { readdir, truncate, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { content } from '../src/torrent/torrent-fixture.ts'
import { DEBIAN_PYTHON, requireTool, runTool, tempDir } from './tools.ts'

/** What clears the line. */
const WIPE = '\r\u001b[K'
const QAL = fileURLToPath(new URL('../bin/qal', import.meta.url))

/**
 * Runs a command at a terminal of 80 columns, sends a signal or types Ctrl-C as
 * soon as the bar shows that something is done, and writes the status
 * and then all that the terminal showed.
 */
const AT_TERMINAL = `
import fcntl, os, pty, re, signal, struct, sys, termios
how, args = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(args[0], args)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
shown, sent = b'', how == ''
while True:
    try: part = os.read(terminal, 65536)
    except OSError: break
    if part == b'': break
    shown += part
    if not sent and re.search(rb'Hashing .* MiB of', shown):
        sent = True
        if how == 'ctrl-c': os.write(terminal, b'\\x03')
        else: os.kill(pid, getattr(signal, how))
_, status = os.waitpid(pid, 0)
sys.stdout.write(str(os.waitstatus_to_exitcode(status)) + '\\n' + shown.decode())
`

async function atTerminal(
  cwd: string,
  how: '' | 'ctrl-c' | 'SIGINT' | 'SIGTERM',
  args: string[],
): Promise<{ code: number; shown: string }> {
  const { stdout, stderr } = await runTool(DEBIAN_PYTHON, ['-c', AT_TERMINAL, how, QAL, ...args], { cwd })
  const [code = '', ...lines] = stdout.split('\n')
  assert.match(code, /^-?[0-9]+$/, stderr)
  return { code: Number(code), shown: lines.join('\n') }
}

/** Large enough to be still at it when the bar is seen; sparse, so that it costs no disk. */
async function largeFile(t: TestContext): Promise<string> {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'large.gguf'), '')
  await truncate(join(dir, 'large.gguf'), 200 * 2 ** 30)
  return dir
}

describe('when a torrent is made at a terminal', () => {
  it('draws one line that fits, and wipes it before the result', async (t) => {
    if (!requireTool(t, 'python3')) return
    const dir = await tempDir(t)
    await writeFile(join(dir, 'a.gguf'), content(3_000_000))
    const { code, shown } = await atTerminal(dir, '', ['create', 'a.gguf'])
    assert.equal(code, 0)
    const parts = shown.split(WIPE)
    const drawn = parts.filter((line) => line.startsWith('Hashing'))
    assert.match(drawn.at(-1) ?? '', /^Hashing \[#+\] 100 % {2}2\.9 MiB of 2\.9 MiB/)
    for (const line of drawn) assert.ok(line.length < 80 && !line.includes('\n'), line)
    assert.match(parts.at(-1) ?? '', /^torrent {7}a\.gguf\.torrent\r\n/)
    assert.deepEqual(await readdir(dir), ['a.gguf', 'a.gguf.torrent'])
  })

  for (const how of ['ctrl-c', 'SIGINT', 'SIGTERM'] as const) {
    it(`leaves nothing behind on ${how}, neither a file nor a bar`, async (t) => {
      if (!requireTool(t, 'python3')) return
      const dir = await largeFile(t)
      const { code, shown } = await atTerminal(dir, how, ['create', 'large.gguf'])
      // Ended by the signal, so that a script around it ends too.
      assert.equal(code, how === 'SIGTERM' ? -constants.signals.SIGTERM : -constants.signals.SIGINT)
      assert.ok(shown.endsWith(WIPE), shown.slice(-200))
      assert.deepEqual(await readdir(dir), ['large.gguf'])
    })
  }
})
