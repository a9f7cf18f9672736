import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inCi } from '../../test/tools.ts'

/** Whether the real `gpg` is here; where CI says it must be, its absence fails the tests that need it. */
export function gpgMissing(): string | false {
  if (spawnSync('gpg', ['--version']).status === 0) return false
  if (inCi()) throw new Error('gpg is missing, and CI needs it')
  return 'gpg is not installed'
}

/** A `gpg` with a home of its own; `close` ends its agent and removes the home. */
export function openGpg() {
  const home = mkdtempSync(join(tmpdir(), 'qal-gpg-'))
  const env = { ...process.env, GNUPGHOME: home, LC_ALL: 'C' }
  const gpg = (args: string[], input?: string | Uint8Array): Buffer =>
    execFileSync(
      'gpg',
      ['--batch', '--yes', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args],
      {
        env,
        ...(input !== undefined && { input }),
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    )
  return {
    home,
    gpg,
    /** Makes a signing key and returns its fingerprint. */
    key(owner: string, algorithm: string, { expires = 'never', flags = [] as string[] } = {}): string {
      gpg([...flags, '--quick-generate-key', owner, algorithm, 'sign', expires])
      const listed = gpg(['--with-colons', '--list-keys', owner]).toString()
      const fingerprint = /^fpr:{9}([0-9A-F]+):/m.exec(listed)?.[1]
      if (fingerprint === undefined) throw new Error(`gpg made no key for ${owner}`)
      return fingerprint
    },
    /** `gpg --verify` with its machine-readable status lines. */
    verify(signaturePath: string, dataPath: string): { status: number | null; lines: string } {
      const { status, stdout } = spawnSync(
        'gpg',
        ['--batch', '--status-fd', '1', '--verify', signaturePath, dataPath],
        { env },
      )
      return { status, lines: stdout.toString() }
    },
    close(): void {
      spawnSync('gpgconf', ['--kill', 'all'], { env })
      rmSync(home, { recursive: true, force: true })
    },
  }
}
