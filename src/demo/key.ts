import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateSigningKey, signDetached } from '../sign/keys.ts'

export interface DemoKey {
  publicKey: string
  /** An armored detached signature over a file. */
  sign(path: string): Promise<string>
}

/** The demo's own OpenPGP key, made once a data folder; it is worth nothing elsewhere. */
export async function demoKey(dir: string): Promise<DemoKey> {
  const path = join(dir, 'key.json')
  if (!existsSync(path)) {
    const made = await generateSigningKey({ name: 'Qal.to demo', email: 'demo@localhost' })
    await writeFile(`${path}.part`, JSON.stringify(made), { mode: 0o600 })
    await rename(`${path}.part`, path)
  }
  const key = JSON.parse(await readFile(path, 'utf8')) as Awaited<ReturnType<typeof generateSigningKey>>
  return {
    publicKey: key.public_key,
    sign: async (file) => signDetached(new Uint8Array(await readFile(file)), key),
  }
}
