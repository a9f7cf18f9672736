import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { tinyLlama } from '../src/gguf/tiny-llama.ts'
import { addressPolicy } from '../src/swarm/addresses.ts'
import { createFromPath } from '../src/swarm/create-file.ts'
import { findPeers } from '../src/swarm/dht.ts'
import type { ModelItem } from '../src/web/page-types.ts'
import { localDht } from './local-dht.ts'
import { startOpenTracker } from './opentracker.ts'
import { runSite, tokenFor } from './site.ts'
import { requireTool } from './tools.ts'

/** A site whose operator names a tracker and the DHT: opentracker in place of the embedded one, and nodes of our own. */
describe('a site with an external tracker and the DHT', () => {
  it('hands out, announces to, scrapes and verifies through them, and says which said what', async (t) => {
    if (!requireTool(t, 'opentracker')) return
    const data = await mkdtemp(join(tmpdir(), 'qal-external-'))
    t.after(() => rm(data, { recursive: true, force: true, maxRetries: 3 }))
    const model = join(data, 'seed', 'external-Q8_0.gguf')
    await mkdir(join(data, 'seed'), { recursive: true })
    await writeFile(model, tinyLlama({ seed: 4242, name: 'External', type: 'Q8_0' }))
    const created = await createFromPath(model, {})
    await writeFile(`${model}.torrent`, created.bytes)
    const { info_hash: v1, info_hash_v2: v2 } = created
    assert.ok(v1 && v2)

    const { udp } = await startOpenTracker(t, [v1, v2])
    const { routers } = await localDht(t, 6)
    const site = await runSite({ data, args: ['--tracker', udp, '--dht', routers.join(',')] })
    t.after(() => site.stop())
    const answers = (await (await fetch(`${site.url}/api/site`)).json()) as { trackers: string[] }
    assert.deepEqual(answers.trackers, [udp])
    assert.equal((await fetch(`${site.url}/announce?info_hash=x`)).status, 404)

    const [uploader, moderator] = [
      await tokenFor(site, 'alice'),
      await tokenFor(site, 'mallory', 'moderator'),
    ]
    const post = async (path: string, token: string, body: object): Promise<Record<string, unknown>> => {
      const response = await fetch(site.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`)
      return (await response.json()) as Record<string, unknown>
    }
    const { id } = await post('/api/submissions', uploader, {
      name: 'External',
      torrent: created.bytes.toBase64(),
      sha256: created.files[0]?.sha256,
      quantisation: 'Q8_0',
    })
    const item = async () => {
      const response = await fetch(`${site.url}/api/models/${String(id)}`, {
        headers: { authorization: `Bearer ${uploader}` },
      })
      return (await response.json()) as ModelItem
    }
    // The verifier finds our own seeder through opentracker or the DHT: no other tracker is named anywhere.
    let seen = await item()
    while (seen.verification.integrity === 'pending') {
      await wait(200, undefined, { signal: t.signal })
      seen = await item()
    }
    assert.equal(seen.verification.integrity, 'pass', site.output())
    await post(`/api/models/${String(id)}/review`, moderator, { decision: 'approve', reason: 'Checked' })
    while (!seen.swarm?.seeders || !seen.dht?.seeders) {
      await wait(500, undefined, { signal: t.signal })
      seen = await item()
    }
    assert.deepEqual([seen.swarm.seeders, seen.swarm.tracker, seen.swarm.stale], [1, udp, false])
    assert.deepEqual([seen.dht.seeders, seen.dht.leechers, seen.dht.stale], [1, 0, false])
    assert.ok(seen.magnet?.includes(encodeURIComponent(udp)))
    const page = await (await fetch(site.url + seen.url)).text()
    assert.ok(page.includes('DHT, estimated: ') && page.includes(udp))
    const found = await findPeers(v1, { routers, policy: addressPolicy(['127.0.0.0/8']) })
    assert.equal(found.peers.length, 1)
  })
})
