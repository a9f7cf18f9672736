import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { addressPolicy } from '../src/swarm/addresses.ts'
import { scrape } from '../src/swarm/scrape.ts'
import { freePort, tempDir } from './tools.ts'

export interface OpenTracker {
  http: string
  udp: string
  pid: number
}

/**
 * Runs Debian's opentracker on a free port of 127.0.0.1, TCP and UDP, until the
 * test ends. Debian builds it for listed torrents only: `infoHashes` (hex) are
 * listed. Guard with `requireTool(t, 'opentracker')`.
 */
export async function startOpenTracker(
  t: Pick<TestContext, 'after'>,
  infoHashes: readonly string[],
): Promise<OpenTracker> {
  const dir = await tempDir(t)
  // As root it changes into the folder for good, and to a user who must be able to read it.
  await chmod(dir, 0o755)
  const listed = infoHashes.map((infoHash) => `${infoHash.slice(0, 40)}\n`)
  await writeFile(join(dir, 'listed.txt'), listed.join(''))
  const port = String(await freePort())
  const args = ['-i', '127.0.0.1', '-p', port, '-P', port, '-d', dir, '-w', 'listed.txt']
  const child = spawn('opentracker', args, {
    cwd: dir,
    stdio: 'ignore',
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
  })
  t.after(async () => {
    const gone = child.exitCode === null ? once(child, 'exit') : undefined
    child.kill('SIGKILL')
    await gone
  })
  const at = (scheme: string) => `${scheme}://127.0.0.1:${port}/announce`
  const policy = addressPolicy(['127.0.0.0/8'])
  const [first = '00'.repeat(20)] = infoHashes
  for (;;) {
    const { errors } = await scrape([at('http')], [first], { policy, timeoutMs: 1_000 })
    if (errors.length === 0) return { http: at('http'), udp: at('udp'), pid: child.pid ?? 0 }
    if (child.exitCode !== null) throw new Error(`opentracker ended with ${child.exitCode}`)
    await wait(20)
  }
}
