import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Hono } from 'hono'
import { Handle } from '../src/core/ids.ts'
import { openStores, type Stores } from '../src/deploy/stores.ts'
import { nodeHashes } from '../src/swarm/node-hashes.ts'
import { createApp } from '../src/web/app.ts'
import { ensureMember, grantRole, issueToken } from '../src/web/commands/members.ts'
import { ALL_SCOPES } from '../src/web/deps.ts'
import { buildClient } from './fixtures/client.ts'

const BASE = 'http://qal.test'
const SAID = 'It waits in the queue'

/** What a page says after something was done, and to whom it says what comes next. */
describe('when something was done by a form', () => {
  let dir: string
  let stores: Stores
  let app: Hono
  let client: Awaited<ReturnType<typeof buildClient>>
  const tokens: Record<string, string> = {}
  const listings: { path: string; cookie: string }[] = []

  before(async () => {
    client = await buildClient()
    dir = await mkdtemp(join(tmpdir(), 'qal-notices-'))
    stores = await openStores(join(dir, 'data'))
    app = createApp({
      ...stores,
      hash: nodeHashes,
      site: {
        name: 'Test',
        baseUrl: BASE,
        demo: false,
        loopback: true,
        trackers: ['udp://t.test:1/announce'],
      },
    })
    for (const handle of ['alice', 'bob', 'mod']) {
      const member = await ensureMember(stores, Handle.parse(handle))
      if (handle === 'mod') await grantRole(stores, member, 'moderator')
      tokens[handle] = (await issueToken(stores, member, [...ALL_SCOPES], 3_600_000)).token
    }
    for (const digit of ['1', '2']) {
      const sent = await app.request(`${BASE}/submit`, {
        method: 'POST',
        headers: { authorization: `Bearer ${tokens['alice']}` },
        body: new URLSearchParams({
          name: `Model ${digit}`,
          info_hash: digit.repeat(40),
          sha256: digit.repeat(64),
          size_bytes: '9',
        }),
      })
      assert.equal(sent.status, 303)
      const path = sent.headers.get('location') ?? ''
      assert.match(path, /^\/models\/[0-9A-Z]{26}$/)
      const cookie = sent.headers.get('set-cookie') ?? ''
      assert.match(cookie, /HttpOnly/i)
      assert.match(cookie, /SameSite=Lax/i)
      assert.ok(cookie.includes(`Path=${path};`))
      listings.push({ path, cookie: cookie.split(';')[0] ?? '' })
    }
  })
  after(async () => {
    await stores.close()
    await client.remove()
    await rm(dir, { recursive: true, force: true })
  })

  async function page(path: string, headers: Record<string, string> = {}): Promise<Response> {
    const response = await app.request(BASE + path, { headers: { accept: 'text/html', ...headers } })
    assert.equal(response.status, 200)
    return response
  }

  it('is told once, on the page of its own listing', async () => {
    const [first, second] = listings
    assert.ok(first && second)
    const told = await page(first.path, { cookie: first.cookie })
    assert.ok((await told.text()).includes(SAID))
    assert.match(told.headers.get('set-cookie') ?? '', /^qal_notice=;.*Max-Age=0/)
    assert.ok(!(await (await page(second.path, { cookie: first.cookie })).text()).includes(SAID))
    assert.ok(!(await (await page(first.path)).text()).includes(SAID))
  })

  it('cannot be said by a link or by a cookie that we did not sign', async () => {
    const [first, second] = listings
    assert.ok(first && second)
    assert.ok(!(await (await page(`${first.path}?notice=submitted`)).text()).includes(SAID))
    const signature = second.cookie.slice(second.cookie.lastIndexOf('.'))
    for (const cookie of [
      `qal_notice=${encodeURIComponent(`notice ${first.path} submitted`)}`,
      `qal_notice=${encodeURIComponent(`notice ${first.path} submitted`)}${signature}`,
      'qal_notice=%%%',
    ])
      assert.ok(!(await (await page(first.path, { cookie })).text()).includes(SAID), cookie)
  })

  it('signs nobody in', async () => {
    const [first] = listings
    const session = (first?.cookie ?? '').replace('qal_notice=', 'qal_session=')
    const answer = await app.request(`${BASE}/submit`, { headers: { cookie: session } })
    assert.equal(answer.status, 303)
  })

  it('says what comes next to the uploader and moderators alone', async () => {
    const [first] = listings
    const sees = async (handle: string | null): Promise<boolean> => {
      const headers: Record<string, string> =
        handle === null ? {} : { authorization: `Bearer ${tokens[handle]}` }
      const text = await (await page(first?.path ?? '', headers)).text()
      const shown = text.includes('What happens next')
      assert.equal(text.includes('udp://t.test:1/announce</code>'), shown)
      return shown
    }
    assert.deepEqual(
      [await sees('alice'), await sees('mod'), await sees('bob'), await sees(null)],
      [true, true, false, false],
    )
  })
})
