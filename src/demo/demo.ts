import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Role } from '../core/events.ts'
import { Handle } from '../core/ids.ts'
import type { Site } from '../deploy/node.ts'
import { writeWhole } from '../cli/write-whole.ts'
import { openSqliteLedger } from '../store/ledger-sqlite.ts'
import { createFromPath } from '../swarm/create-file.ts'
import { ensureMember, grantRole, issueToken, registerKey } from '../web/commands/members.ts'
import type { ModelItem } from '../web/page-types.ts'
import { DemoApi } from './api.ts'
import { demoKey, type DemoKey } from './key.ts'
import { DEMO_MODELS, type DemoModel } from './models.ts'

const TOKEN_MS = 3_600_000
const VERDICT_WITHIN_MS = 10 * 60_000
const DEMO_DIR = 'demo'
const DONE = 'done'

/**
 * Whether this data folder is to be filled: only an empty ledger is, or one
 * whose filling was stopped half-way. `shown`: it was filled before.
 */
export async function wantsDemo(data: string, empty: boolean): Promise<'fill' | 'shown' | 'no'> {
  const dir = join(data, DEMO_DIR)
  if (existsSync(join(dir, DONE))) return 'shown'
  if (existsSync(dir)) return empty ? 'shown' : 'fill'
  if (empty) return 'no'
  const path = join(data, 'ledger.sqlite')
  if (!existsSync(path)) return 'fill'
  const ledger = await openSqliteLedger(path)
  try {
    return (await ledger.head()) === 0 ? 'fill' : 'no'
  } finally {
    await ledger.close()
  }
}

/**
 * Shows the site at work on real bytes: writes tiny models, seeds them,
 * submits them through the public API as different members, waits for the
 * verifier's word on each and lets a moderator decide. Every step may be run
 * again: what is there already is left as it is.
 */
export async function fillWithDemo(site: Site, data: string, say: (line: string) => void): Promise<void> {
  const dir = join(data, DEMO_DIR)
  await mkdir(dir, { recursive: true })
  const key = await demoKey(dir)
  const moderator = await member(site, 'demo-moderator', 'moderator')

  const submitted: { model: DemoModel; id: string }[] = []
  for (const model of DEMO_MODELS) {
    const path = join(site.stores.seedDir, model.file)
    if (!existsSync(path)) writeWhole(path, model.write())
    const uploader = await member(site, model.uploader, model.role)
    if (model.signed) await registerKey(site.stores, uploader.id, key.publicKey)
    submitted.push({ model, id: await submitModel(site, uploader, model, path, key) })
    say(`@${model.uploader} submitted ${model.name}`)
  }

  for (const { model, id } of submitted) {
    const verdict = await verdictOn(moderator, id)
    say(`${model.name}: ${verdict.consensus} (${describe(verdict)})`)
    if (verdict.status !== 'pending' || model.decision === 'wait') continue
    const reasons = verdict.verifications.at(-1)?.recommendation.reasons ?? []
    await moderator.review(id, model.decision, model.decision === 'reject' ? reasons.join('. ') : '')
    say(`@demo-moderator decided: ${model.decision} ${model.name}`)
  }
  await writeFile(join(dir, DONE), '')
  say('done')
}

async function member(site: Site, handle: string, role?: Role): Promise<DemoApi> {
  const id = await ensureMember(site.stores, Handle.parse(handle))
  if (role !== undefined) await grantRole(site.stores, id, role)
  const { token } = await issueToken(site.stores, id, ['submit', 'community', 'review'], TOKEN_MS)
  return new DemoApi(site.url, token, id)
}

async function submitModel(
  site: Site,
  uploader: DemoApi,
  model: DemoModel,
  path: string,
  key: DemoKey,
): Promise<string> {
  const torrentPath = `${path}.torrent`
  const created = await createFromPath(path, {
    announce: await uploader.trackers(),
    ...(model.webSeed ? { webSeeds: [`${site.url}/seed/${model.file}`] } : {}),
    comment: 'Qal.to demo',
  })
  if (!existsSync(torrentPath)) {
    writeWhole(torrentPath, created.bytes)
    site.reseed()
  }
  const [file] = created.files
  if (file === undefined) throw new Error(`Cannot submit ${model.file}: its torrent is empty`)
  return uploader.submit({
    name: model.name,
    torrent: created.bytes.toBase64(),
    size_bytes: file.size_bytes,
    sha256: file.sha256,
    ...(file.md5 === null ? {} : { md5: file.md5 }),
    quantisation: model.label,
    source: { type: 'user_upload', quantised_by: model.uploader },
    licence: 'CC0-1.0',
    tags: ['demo', ...model.tags],
    hardware: 'Any machine: the model is smaller than a photograph',
    readme: model.readme,
    ...(model.signed ? { signature: await key.sign(path) } : {}),
    demo: true,
  })
}

async function verdictOn(reader: DemoApi, id: string): Promise<ModelItem> {
  const until = Date.now() + VERDICT_WITHIN_MS
  for (;;) {
    const item = await reader.model(id)
    if (item.verifications.length > 0) return item
    if (Date.now() > until) throw new Error(`No verifier has reported on ${item.model} in ten minutes`)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

function describe({ verification, quantisation }: ModelItem): string {
  const judges = Object.entries(verification).map(([judge, verdict]) => `${judge} ${verdict}`)
  return [
    ...judges,
    ...(quantisation.proven[0] ? [`tensors are ${quantisation.proven.join(' or ')}`] : []),
  ].join(', ')
}
