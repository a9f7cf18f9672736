/** Does what docs/guide.md says, word for word, with the tools it names, against the real site. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { qal, runSite } from './site.ts'
import { requireTool, runTool, tempDir } from './tools.ts'

const GUIDE = readFileSync(fileURLToPath(new URL('../docs/guide.md', import.meta.url)), 'utf8')
const MODEL_BYTES = 200_000

/** The shell blocks of the section with that number. */
function blocks(section: number): string[] {
  const text = GUIDE.split(/^## /m).find((each) => each.startsWith(`${section}. `)) ?? ''
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block]) => block ?? [])
}

describe('the guide', () => {
  it('leads from a file to a listing, and from a download to a checked file', async (t) => {
    if (!requireTool(t, 'transmission-create', 'transmission-show', 'mktorrent', 'gpg', 'curl')) return
    const cwd = await tempDir(t)
    const env: NodeJS.ProcessEnv = { ...process.env, GNUPGHOME: await tempDir(t) }
    t.after(() => runTool('gpgconf', ['--kill', 'all'], { env }))
    const run = async (script: string): Promise<{ stdout: string; stderr: string }> => {
      const { code, stdout, stderr } = await runTool('bash', ['-euo', 'pipefail', '-c', script], { cwd, env })
      assert.equal(code, 0, `${script}\n${stdout}\n${stderr}`)
      return { stdout, stderr }
    }
    // gpg and transmission say on either what a reader of the guide sees.
    const sh = async (script: string): Promise<string> => {
      const { stdout, stderr } = await run(script)
      return stdout + stderr
    }
    const bytes = Uint8Array.from({ length: MODEL_BYTES }, (_, n) => (n * 7 + (n >> 8)) % 251)
    await writeFile(join(cwd, 'model-Q4_K_M.gguf'), bytes)

    const [transmission = '', mktorrent = ''] = blocks(1)
    await sh(mktorrent)
    const byMktorrent = /Hash(?: v1)?: ([0-9a-f]{40})/.exec(await sh(blocks(2)[0] ?? ''))?.[1]
    assert.ok(byMktorrent)
    await rm(join(cwd, 'model-Q4_K_M.torrent'))
    await sh(transmission)
    const infoHash = /Hash(?: v1)?: ([0-9a-f]{40})/.exec(await sh(blocks(2)[0] ?? ''))?.[1]
    assert.ok(infoHash)

    const [size, sha256, md5] = (await sh(blocks(3)[0] ?? '')).split('\n').map((line) => line.split(' ')[0])
    assert.equal(size, String(MODEL_BYTES))

    await sh(
      "gpg --batch --passphrase '' --quick-generate-key 'Maker <maker@example.org>' ed25519 sign never",
    )
    await sh(blocks(4)[0] ?? '')

    const site = await runSite()
    t.after(() => site.stop())
    const made = await qal(['admin', 'token', '--as', 'alice', '--data', site.data, '--json'])
    assert.equal(made.code, 0, made.stderr)
    env['QAL_TOKEN'] = (JSON.parse(made.stdout) as { token: string }).token
    const submit = (blocks(5)[0] ?? '')
      .replace('read -rs QAL_TOKEN\n', '')
      .replace('https://qal.example.org', site.url)
      .replace('curl ', 'curl --silent ')
    // A tool may warn beside the answer, so only its output is read as JSON.
    const answer = JSON.parse((await run(submit)).stdout) as {
      status: string
      model: { sha256: string; md5: string; info_hash: string; size_bytes: number; tags: string[] }
    }
    assert.equal(answer.status, 'pending')
    assert.equal(answer.model.sha256, sha256)
    assert.equal(answer.model.md5, md5)
    assert.equal(answer.model.info_hash, infoHash)
    assert.equal(answer.model.size_bytes, MODEL_BYTES)
    assert.deepEqual(answer.model.tags, ['chat', 'code'])
    await assert.rejects(sh(submit), /409/, 'the same file twice')

    const [compare = '', verify = ''] = blocks(8)
    const check = compare.replace('SHA256_FROM_THE_PAGE', answer.model.sha256)
    assert.match(await sh(check), /: OK/)
    await sh('gpg --armor --export maker@example.org > maker.asc')
    assert.match(await sh(verify), /Good signature/)

    bytes[MODEL_BYTES - 1] = 255
    await writeFile(join(cwd, 'model-Q4_K_M.gguf'), bytes)
    await assert.rejects(sh(check), /FAILED/)
    await assert.rejects(sh(verify), /BAD signature/)
  })

  it('names options that the clients have', async (t) => {
    if (!requireTool(t, 'transmission-cli', 'aria2c')) return
    const cli = await runTool('transmission-cli', ['--help'])
    assert.match(cli.stdout + cli.stderr, /--download-dir/)
    const aria2 = await runTool('aria2c', ['--help=#all'])
    assert.match(aria2.stdout, /--seed-time/)
    assert.match(blocks(6)[0] ?? '', /^transmission-cli --download-dir/)
    assert.ok(blocks(7).some((block) => block.startsWith('aria2c --seed-time=0')))
  })
})
