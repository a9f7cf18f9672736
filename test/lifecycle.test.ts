import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { describe, it } from 'node:test'
import type { ModelItem } from '../src/web/page-types.ts'
import { runSite, tokenFor, type RunningSite } from './site.ts'
import { tempDir } from './tools.ts'

const LINUX = process.platform === 'linux'

/** How the site ends: nothing is left running and nothing is lost, however it is ended. */
describe('when the site ends', { skip: LINUX ? false : 'reads /proc' }, () => {
  it('leaves no process behind after Ctrl-C', async () => {
    const site = await runSite()
    const family = descendants(site.pid)
    assert.ok(family.length >= 2, `seeder and verifier: ${family.join(', ')}`)
    assert.equal(await site.stop(), 0)
    await until(() => family.every((pid) => !isAlive(pid)))
  })

  // `npm start` passes signals on, so that one Ctrl-C may reach the site twice, or only through it; bin/qal becomes the site.
  for (const through of ['bin/qal serve', 'npm start'] as const)
    for (const to of ['group', 'wrapper'] as const)
      it(`closes in order when ${through} gets a SIGINT for ${to === 'group' ? 'its whole group' : 'itself alone'}`, async (t) => {
        const site = await runSite({ through })
        t.after(() => killGroup(site.pid))
        const family = descendants(site.pid)
        const children = through === 'npm start' ? 3 : 2
        assert.ok(family.length >= children, `seeder, verifier and the site: ${family.join(', ')}`)
        assert.equal(await site.stop(to === 'group' ? to : undefined), 0, site.output())
        await until(() => family.every((pid) => !isAlive(pid)))
      })

  it('leaves no process behind after kill -9', async (t) => {
    const data = await tempDir(t)
    const site = await runSite({ data })
    const family = descendants(site.pid)
    process.kill(site.pid, 'SIGKILL')
    await until(() => family.every((pid) => !isAlive(pid)))
  })

  it('goes on with the demo where kill -9 stopped it, without doing anything twice', async (t) => {
    const data = await tempDir(t)
    const first = await runSite({ demo: true, data })
    await until(() => first.output().includes('VERIFIED'))
    const family = descendants(first.pid)
    process.kill(first.pid, 'SIGKILL')
    await until(() => family.every((pid) => !isAlive(pid)))

    const second = await runSite({ demo: true, data })
    try {
      await until(() => second.output().includes('demo: done'))
      assert.deepEqual((await all(second)).map(({ status }) => status).toSorted(), [
        'pending',
        'published',
        'published',
        'rejected',
      ])
    } finally {
      await second.stop()
    }
    // Now it is there, and a third start only shows it.
    const third = await runSite({ demo: true, data })
    try {
      assert.equal((await all(third)).length, 4)
      assert.ok(!third.output().includes('submitted'))
    } finally {
      await third.stop()
    }
    await rm(data, { recursive: true, force: true })
  })
})

async function all(site: RunningSite): Promise<ModelItem[]> {
  const authorization = `Bearer ${await tokenFor(site, 'counter', 'moderator')}`
  const response = await fetch(`${site.url}/api/models?status=all`, { headers: { authorization } })
  return ((await response.json()) as { models: ModelItem[] }).models
}

/** Every process below one, by /proc. */
function descendants(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      // The name in brackets may hold anything; the parent is the second field after it.
      const after = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1) ?? ''
      parents.set(Number(name), Number(after.split(' ')[1]))
    } catch {
      // It ended while we looked.
    }
  }
  const found: number[] = []
  for (let more = [pid]; more.length > 0;) {
    more = [...parents].filter(([, parent]) => more.includes(parent)).map(([child]) => child)
    found.push(...more)
  }
  return found
}

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1) ?? ''
    return !stat.startsWith('Z')
  } catch {
    return false
  }
}

/** Leaves nothing of a test that failed; after one that passed there is nothing. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 120_000
  while (!condition()) {
    assert.ok(Date.now() < end, 'still not so after two minutes')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
