import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Hono } from 'hono'
import { Handle } from '../src/core/ids.ts'
import type { Stores } from '../src/deploy/stores.ts'
import { nodeHashes } from '../src/swarm/node-hashes.ts'
import { createApp } from '../src/web/app.ts'
import { ensureMember, issueToken, proveIdentity } from '../src/web/commands/members.ts'
import { BASE, openApiSite, type Answer, type ApiSite } from './api-site.ts'

const HUB_FILE = `https://huggingface.co/org/repo/resolve/${'c'.repeat(40)}/a.gguf`

/** The HTTP API on real stores: what it takes, what it refuses and how it says so. */
describe('when the API is used', () => {
  let site: ApiSite
  let stores: Stores
  let app: Hono
  let tokens: Record<string, string>
  let call: ApiSite['call']
  let submission: ApiSite['submission']

  before(async () => {
    site = await openApiSite()
    ;({ stores, app, tokens, call, submission } = site)
    for (const handle of ['alice', 'bob', 'mod', 'checker', 'meta']) await site.signUp(handle)
    await site.signUp('mod', 'moderator')
    await site.signUp('checker', 'verifier')
  })
  after(() => site.close())

  const events = (): Promise<number> => stores.ledger.head()

  it('takes a submission and shows it pending to its uploader and moderators only', async () => {
    const { status, body, headers } = await call('POST', '/api/submissions', 'alice', await submission())
    assert.equal(status, 201)
    assert.equal(body['status'], 'pending')
    assert.equal(headers.get('location'), `/models/${String(body['id'])}`)
    const list = async (as: string | null, query: string): Promise<number> =>
      Number((await call('GET', `/api/models?${query}`, as)).body['total'])
    assert.equal(await list(null, ''), 0)
    assert.equal(await list('alice', 'status=pending'), 1)
    assert.equal(await list('bob', 'status=pending'), 0)
    assert.equal(await list('mod', 'status=all'), 1)
    assert.equal((await call('GET', '/api/models?status=all', null)).status, 401)
  })

  it('takes an info hash without a .torrent, and a magnet', async () => {
    const sha256 = 'ab'.repeat(32)
    const plain = { name: 'By hash', info_hash: 'c1'.repeat(20).toUpperCase(), size_bytes: 1_000, sha256 }
    assert.equal((await call('POST', '/api/submissions', 'alice', plain)).status, 201)
    const magnet = {
      name: 'By magnet',
      magnet: `magnet:?xt=urn:btih:${'d2'.repeat(20)}&dn=x-Q4_0.gguf&xl=42`,
      sha256: 'cd'.repeat(32),
    }
    const { status, body } = await call('POST', '/api/submissions', 'alice', magnet)
    assert.equal(status, 201, JSON.stringify(body))
    const { files } = (body as { model: { files: { path: string; size_bytes: number }[] } }).model
    assert.deepEqual([files[0]?.path, files[0]?.size_bytes], ['x-Q4_0.gguf', 42])
  })

  it('names the field and what was expected there, and stores nothing', async () => {
    const good = await submission()
    const cases: [string, unknown, number, string][] = [
      ['no JSON', '{', 400, 'body'],
      ['no object', '[]', 422, ''],
      ['nothing', {}, 422, 'name'],
      ['no name', { ...good, name: '  ' }, 422, 'name'],
      ['a hidden character', { ...good, name: 'Llama\u202eexe' }, 422, 'name'],
      ['a long name', { ...good, name: 'x'.repeat(121) }, 422, 'name'],
      ['no SHA-256', { ...good, sha256: undefined }, 422, 'sha256'],
      ['half a SHA-256', { ...good, sha256: 'abc' }, 422, 'sha256'],
      ['an MD5 that is none', { ...good, md5: 'xyz' }, 422, 'md5'],
      ['no torrent at all', { ...good, torrent: undefined }, 422, 'info_hash'],
      ['a torrent that is none', { ...good, torrent: btoa('hello') }, 422, 'torrent'],
      ['base64 that is none', { ...good, torrent: '*' }, 422, 'torrent'],
      ['another info hash than the .torrent', { ...good, info_hash: '0'.repeat(40) }, 422, 'info_hash'],
      ['another size than the .torrent', { ...good, size_bytes: 5 }, 422, 'size_bytes'],
      ['an info hash that is none', { ...good, torrent: undefined, info_hash: 'zz' }, 422, 'info_hash'],
      [
        'no size with an info hash',
        { ...good, torrent: undefined, info_hash: '1'.repeat(40) },
        422,
        'size_bytes',
      ],
      ['a script as source', { ...good, source: { url: 'javascript:alert(1)' } }, 422, 'source.url'],
      [
        'another commit than the URL’s',
        { ...good, source: { url: HUB_FILE, commit: 'd'.repeat(40) } },
        422,
        'source.commit',
      ],
      ['a branch for a commit', { ...good, source: { commit: 'main' } }, 422, 'source.commit'],
      ['a path that leaves', { ...good, source: { path: '../a' } }, 422, 'source.path'],
      ['a source type of its own', { ...good, source: { type: 'mine' } }, 422, 'source.type'],
      ['a tag with a space', { ...good, tags: ['a b'] }, 422, 'tags.0'],
      ['too many tags', { ...good, tags: Array.from({ length: 17 }, (_, i) => `t${i}`) }, 422, 'tags'],
      ['a label that is none', { ...good, quantisation: 'four bits' }, 422, 'quantisation'],
      ['a field that is not there', { ...good, tier: 'official' }, 422, 'tier'],
      ['a signature that is none', { ...good, signature: 'yes' }, 422, 'signature'],
      [
        'a broken signature',
        { ...good, signature: '-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----' },
        422,
        'signature',
      ],
    ]
    const count = await events()
    for (const [name, body, status, field] of cases) {
      const answer = await call('POST', '/api/submissions', 'alice', body)
      assert.equal(answer.status, status, `${name}: ${JSON.stringify(answer.body)}`)
      assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, name)
      assert.equal(answer.body['field'] ?? '', field, name)
      assert.ok(String(answer.body['detail']).length > 10, name)
    }
    assert.equal(await events(), count)
  })

  it('refuses a body over its limit before it is read whole', async () => {
    let sent = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536
        controller.enqueue(new Uint8Array(65_536).fill(32))
        if (sent > 64 * 1024 * 1024) controller.close()
      },
    })
    const response = await app.request(`${BASE}/api/submissions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens['alice']}`, 'content-type': 'application/json' },
      body: endless,
      duplex: 'half',
    } as RequestInit)
    assert.equal(response.status, 413)
    assert.ok(sent < 12 * 1024 * 1024, `${sent} bytes were read`)
    const byLength = await app.request(`${BASE}/api/models/x/comments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '70000' },
      body: '{}',
    })
    assert.equal(byLength.status, 413)
  })

  it('asks for a token, and for its scope', async () => {
    const body = await submission()
    assert.equal((await call('POST', '/api/submissions', null, body)).status, 401)
    const form = { method: 'POST', body: new URLSearchParams({ name: 'x' }) }
    assert.equal((await app.request(`${BASE}/api/submissions`, form)).status, 401)
    assert.equal((await call('POST', '/api/submissions', 'qal_wrong', body)).status, 401)
    const member = await ensureMember(stores, Handle.parse('alice'))
    const { token } = await issueToken(stores, member, ['community'], 3_600_000)
    assert.equal((await call('POST', '/api/submissions', token, body)).status, 403)
    const expired = await issueToken(stores, member, ['submit'], -1)
    assert.equal((await call('POST', '/api/submissions', expired.token, body)).status, 401)
  })

  it('says which listing has it already', async () => {
    const body = await submission()
    const first = await call('POST', '/api/submissions', 'alice', body)
    const again = await call('POST', '/api/submissions', 'alice', body)
    assert.equal(again.status, 409)
    assert.deepEqual(again.body['existing'], {
      id: first.body['id'],
      url: `/models/${String(first.body['id'])}`,
    })
    // Another member's rival is taken while nothing is published, and named.
    const rival = await call('POST', '/api/submissions', 'bob', body)
    assert.equal(rival.status, 201)
    assert.deepEqual(rival.body['rivals'], [first.body['id']])
    await call('POST', `/api/models/${String(first.body['id'])}/review`, 'mod', { decision: 'approve' })
    const late = await call('POST', '/api/submissions', 'meta', body)
    assert.equal(late.status, 409)
    const bySha = await call('POST', '/api/submissions', 'meta', {
      name: 'Same bytes',
      info_hash: 'e'.repeat(40),
      size_bytes: 9,
      sha256: body['sha256'],
    })
    assert.equal(bySha.status, 409)
    assert.equal(bySha.body['field'], 'sha256')
  })

  it('identifies a file by five digits of its SHA-256, and says what became of it', async () => {
    const body = await submission()
    const sha256 = String(body['sha256'])
    const n = String(body['name']).replace('Model ', '')
    const { body: submitted } = await call('POST', '/api/submissions', 'alice', body)
    const id = String(submitted['id'])
    const model = submitted['model'] as { info_hash: string; info_hash_v2: string }
    const ask = async (prefix: string, as: string | null = null, kind = ''): Promise<Answer> =>
      call('GET', `/api/identify/${kind}${prefix}`, as)
    const matches = async (prefix: string, as: string | null = null, kind = ''): Promise<unknown[]> =>
      ((await ask(prefix, as, kind)).body['matches'] as { id: string }[]).filter((match) => match.id === id)

    // While it waits it is its uploader's business.
    const five = sha256.slice(0, 5)
    assert.deepEqual(await matches(five), [])
    assert.deepEqual(await matches(five, 'bob'), [])
    assert.equal((await matches(five, 'alice')).length, 1)

    await call('POST', `/api/models/${id}/review`, 'mod', { decision: 'approve' })
    const answer = await ask(five.toUpperCase())
    assert.equal(answer.status, 200)
    assert.equal(answer.body['prefix'], five)
    assert.equal(answer.body['more'], false)
    assert.match(answer.headers.get('cache-control') ?? '', /public/)
    assert.match((await ask(five, 'bob')).headers.get('cache-control') ?? '', /no-store/)
    const [match] = (await matches(five)) as Record<string, unknown>[]
    assert.deepEqual(match, {
      sha256,
      info_hash: model.info_hash,
      info_hash_v2: model.info_hash_v2,
      id,
      url: `/models/${id}/model-${n}`,
      model: `Model ${n}`,
      path: `model-${n}-Q8_0.gguf`,
      size_bytes: match?.['size_bytes'],
      uploader: 'alice',
      tier: 'unverified',
      status: 'published',
      consensus: 'PENDING',
      verification: { integrity: 'pending', form: 'pending', behaviour: 'pending' },
      demo: false,
    })
    for (const hash of [model.info_hash, model.info_hash_v2]) {
      assert.equal((await matches(hash.slice(0, 5), null, 'info-hash/')).length, 1)
      assert.deepEqual(await matches(hash.slice(0, 5)), [])
    }
    const another = (five.startsWith('0') ? '1' : '0') + five.slice(1)
    assert.deepEqual(await matches(another), [])

    // Who holds a file that was refused learns it.
    await call('POST', `/api/models/${id}/review`, 'mod', { decision: 'reject', reason: 'Mislabelled' })
    const [refused] = (await matches(five)) as { status: string }[]
    assert.equal(refused?.status, 'rejected')
  })

  it('gives 100 matches and says that there are more', async () => {
    for (let i = 0; i < 101; i += 1) {
      const tail = i.toString(16).padStart(2, '0')
      const hashes = { sha256: `eeeee${'0'.repeat(57)}${tail}`, info_hash: `eeeee${'0'.repeat(33)}${tail}` }
      await call('POST', '/api/submissions', 'bob', { name: `Crowd ${i}`, size_bytes: 9, ...hashes })
      const { body } = await call('GET', '/api/identify/eeeee', 'bob')
      assert.equal((body['matches'] as unknown[]).length, Math.min(100, i + 1))
      assert.equal(body['more'], i === 100)
    }
  })

  it('asks for exactly five digits, so that nobody tells which file they hold', async () => {
    for (const prefix of ['abcd', 'abcdef', 'ghijk', 'a'.repeat(64), '%20abc', '.....'])
      for (const kind of ['', 'info-hash/']) {
        const { status, body } = await call('GET', `/api/identify/${kind}${prefix}`, null)
        assert.deepEqual([status, body['field']], [422, 'prefix'], prefix)
      }
    assert.equal((await call('GET', '/api/identify/abcde', 'qal_wrong')).status, 401)
  })

  it('lets reviewers decide, nobody on their own, and asks for a reason to reject', async () => {
    const submitted = await call('POST', '/api/submissions', 'mod', await submission())
    const own = `/api/models/${String(submitted.body['id'])}/review`
    assert.equal((await call('POST', own, 'mod', { decision: 'approve' })).status, 403)
    const { body } = await call('POST', '/api/submissions', 'alice', await submission())
    const path = `/api/models/${String(body['id'])}/review`
    assert.equal((await call('POST', path, 'bob', { decision: 'approve' })).status, 403)
    assert.equal((await call('POST', path, 'alice', { decision: 'approve' })).status, 403)
    const bare = await call('POST', path, 'mod', { decision: 'reject' })
    assert.equal(bare.status, 422)
    assert.equal(bare.body['field'], 'reason')
    const done = await call('POST', path, 'mod', { decision: 'reject', reason: 'Not a model' })
    assert.equal(done.status, 200)
    assert.equal(done.body['status'], 'rejected')
    const shown = await call('GET', `/api/models/${String(body['id'])}`, null)
    assert.equal((shown.body['texts'] as { review_reason: string }).review_reason, 'Not a model')
  })

  it('lets only the first of two reviewers win who saw the same state', async () => {
    const { body } = await call('POST', '/api/submissions', 'alice', await submission())
    const path = `/api/models/${String(body['id'])}/review`
    assert.equal((await call('POST', path, 'mod', { decision: 'approve', seen_seq: 1 })).status, 200)
    assert.equal(
      (await call('POST', path, 'mod', { decision: 'reject', reason: 'No', seen_seq: 1 })).status,
      409,
    )
  })

  it('takes ratings of others only, the latest of each member', async () => {
    const { body } = await call('POST', '/api/submissions', 'alice', await submission())
    const path = `/api/models/${String(body['id'])}/ratings`
    assert.equal((await call('POST', path, 'alice', { stars: 5 })).status, 403)
    assert.equal((await call('POST', path, 'bob', { stars: 6 })).status, 422)
    await call('POST', path, 'bob', { stars: 1 })
    const { body: rated } = await call('POST', path, 'bob', { stars: 4, works: true })
    assert.deepEqual((rated['community'] as { ratings: number; rating_centi: number }).ratings, 1)
    assert.equal((rated['community'] as { rating_centi: number }).rating_centi, 400)
  })

  it('records a report without naming the reporter, and says that a new account does not count', async () => {
    const { body } = await call('POST', '/api/submissions', 'alice', await submission())
    const id = String(body['id'])
    const answer = await call('POST', `/api/models/${id}/reports`, 'bob', {
      category: 'malware',
      text: 'It ran a program',
    })
    assert.equal(answer.status, 201)
    assert.equal(answer.body['counts'], false)
    const bob = (await call('GET', '/api/members/bob', null)).body['id']
    const stored = (await stores.ledger.readStream(`listing/${id}`)).at(-1)
    assert.ok(!JSON.stringify(stored).includes(String(bob)))
    assert.ok(!JSON.stringify(stored).includes('It ran a program'))
    const page = async (as: string): Promise<string> =>
      (
        await app.request(`${BASE}/models/${id}`, { headers: { authorization: `Bearer ${tokens[as]}` } })
      ).text()
    assert.ok((await page('mod')).includes('It ran a program'))
    assert.ok(!(await page('alice')).includes('It ran a program'))
  })

  it('gives verification jobs to granted verifiers only', async () => {
    assert.equal((await call('POST', '/api/queue/claims', 'alice', {})).status, 403)
    const { status, body } = await call('POST', '/api/queue/claims', 'checker', {})
    assert.equal(status, 200)
    const { claim } = body as { claim: { listing: { id: string } } }
    const other = await call('POST', '/api/queue/claims', 'checker', {
      listing: claim.listing.id,
      step: 'fetch',
    })
    assert.equal(other.status, 200)
    const report = await call('POST', `/api/models/${claim.listing.id}/verifications`, 'checker', { v: 1 })
    assert.equal(report.status, 422)
  })

  it('refuses a decision on a listing that has changed since it was read', async () => {
    const { body } = await call('POST', '/api/submissions', 'alice', await submission())
    const path = `/api/models/${String(body['id'])}`
    const seq = Number((await call('GET', path, null)).body['seq'])
    await call('POST', `${path}/comments`, 'bob', { text: 'Look at this first' })
    const late = await call('POST', `${path}/review`, 'mod', { decision: 'approve', seen_seq: seq })
    assert.equal(late.status, 409)
    const again = await call('POST', `${path}/review`, 'mod', { decision: 'approve', seen_seq: seq + 1 })
    assert.equal(again.status, 200)
  })

  it('publishes only one of two rivals, and takes only one of three submissions at once', async () => {
    const body = await submission()
    const ids = ['alice', 'bob'].map(async (as) =>
      String((await call('POST', '/api/submissions', as, body)).body['id']),
    )
    const [first, second] = await Promise.all(ids)
    assert.equal(
      (await call('POST', `/api/models/${first}/review`, 'mod', { decision: 'approve' })).status,
      200,
    )
    assert.equal(
      (await call('POST', `/api/models/${second}/review`, 'mod', { decision: 'approve' })).status,
      409,
    )
    const other = await submission()
    const answers = await Promise.all([1, 2, 3].map(() => call('POST', '/api/submissions', 'alice', other)))
    assert.deepEqual(
      answers.map(({ status }) => status).toSorted((a, b) => a - b),
      [201, 409, 409],
    )
  })

  it('loses no comment of five at once', async () => {
    const { body } = await call('POST', '/api/submissions', 'alice', await submission())
    const path = `/api/models/${String(body['id']).toLowerCase()}`
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map((each) => call('POST', `${path}/comments`, 'bob', { text: `Comment ${each}` })),
    )
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 201, 201, 201, 201],
    )
    const { community } = (await call('GET', path, null)).body as { community: { comments: number } }
    assert.equal(community.comments, 5)
  })

  it('gives a session no more than the token it came from', async () => {
    const member = await ensureMember(stores, Handle.parse('alice'))
    const { token } = await issueToken(stores, member, ['community'], 3_600_000)
    const form = { method: 'POST', body: new URLSearchParams({ token }), headers: { origin: BASE } }
    const signedIn = await app.request(`${BASE}/sign-in/token`, form)
    const cookie = (signedIn.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    const answer = await app.request(`${BASE}/api/submissions`, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json', origin: BASE },
      body: JSON.stringify(await submission()),
    })
    assert.equal(answer.status, 403)
  })

  it('hides a listing at the third report that counts, until a moderator restores it', async () => {
    const { body } = await call('POST', '/api/submissions', 'alice', await submission())
    const path = `/api/models/${String(body['id'])}`
    await call('POST', `${path}/review`, 'mod', { decision: 'approve' })
    site.clock = 8 * 86_400_000
    try {
      for (const [i, handle] of ['r1', 'r2', 'r3'].entries()) {
        const member = await ensureMember(
          { ...stores, now: () => new Date() },
          Handle.parse(`reporter-${handle}`),
        )
        await proveIdentity(stores, member, 'email')
        tokens[handle] = (await issueToken(stores, member, ['community'], 30 * 86_400_000)).token
        const report = { category: 'corrupted_file', text: 'Does not load' }
        const answer = await call('POST', `${path}/reports`, handle, report)
        assert.equal(answer.body['counts'], true, JSON.stringify(answer.body))
        const again = await call('POST', `${path}/reports`, handle, report)
        assert.equal(again.status, 201)
        const { status } = (await call('GET', path, null)).body
        assert.equal(status, i < 2 ? 'published' : 'suspended')
      }
      site.clock = 0
      assert.equal((await call('POST', `${path}/review`, 'mod', { decision: 'restore' })).status, 200)
      assert.equal((await call('GET', path, null)).body['status'], 'published')
    } finally {
      site.clock = 0
    }
  })

  it('makes one member of two who join as the same handle at once', async () => {
    const handle = Handle.parse('twin')
    const ids = await Promise.all([1, 2, 3].map(() => ensureMember(stores, handle)))
    assert.equal(new Set(ids).size, 1)
    assert.equal((await stores.ledger.readStream(`member/${ids[0]}`)).length, 1)
  })

  it('answers unknown addresses, members and listings with 404', async () => {
    for (const path of ['/api/nothing', '/api/models/01ARZ3NDEKTSV4RRFFQ69G5FAV', '/api/members/nobody-here'])
      assert.equal((await call('GET', path, null)).status, 404, path)
  })

  it('describes itself: every route of the API is in the OpenAPI document', async () => {
    const { body } = await call('GET', '/api/openapi.json', null)
    const described = Object.entries(body['paths'] as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    )
    const served = app.routes
      .filter(
        ({ path, method }) => path.startsWith('/api/') && method !== 'ALL' && path !== '/api/openapi.json',
      )
      .map(({ path, method }) => `${method} ${path}`)
    assert.deepEqual(new Set(described), new Set(served))
  })

  it('sends pages a strict policy and takes forms from this site only', async () => {
    const page = await app.request(`${BASE}/`, { headers: { accept: 'text/html' } })
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.match(policy, /script-src 'self' 'wasm-unsafe-eval'(?:;|$)/)
    assert.match(policy, /default-src 'none'/)
    assert.ok(!policy.includes('unsafe-inline'))
    const forged = await app.request(`${BASE}/sign-out`, {
      method: 'POST',
      headers: { origin: 'http://evil.test', 'content-type': 'application/x-www-form-urlencoded' },
      body: '',
    })
    assert.equal(forged.status, 403)
  })

  it('signs in by a link that works once, on loopback only', async () => {
    const links: string[] = []
    const local = createApp({
      ...stores,
      hash: nodeHashes,
      site: { name: 'Test', baseUrl: BASE, demo: false, loopback: true, trackers: [] },
      showLink: (_handle, url) => links.push(url),
    })
    const form = new URLSearchParams({ handle: 'walker', next: '//evil.test/' })
    const sent = await local.request(`${BASE}/sign-in`, {
      method: 'POST',
      body: form,
      headers: { origin: BASE },
    })
    assert.equal(sent.status, 200)
    assert.equal(links.length, 1)
    const first = await local.request(links[0] ?? '')
    assert.equal(first.status, 303)
    assert.equal(first.headers.get('location'), '/')
    const cookie = (first.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    assert.match(first.headers.get('set-cookie') ?? '', /HttpOnly/i)
    const submitPage = await local.request(`${BASE}/submit`, { headers: { cookie } })
    assert.equal(submitPage.status, 200)
    const tampered = await local.request(`${BASE}/submit`, {
      headers: { cookie: cookie.replace('m_', 'm_0') },
    })
    assert.equal(tampered.status, 303)
    assert.equal((await local.request(links[0] ?? '')).status, 401)
    const notLocal = await app.request(`${BASE}/sign-in`, {
      method: 'POST',
      body: form,
      headers: { origin: BASE },
    })
    assert.equal(notLocal.status, 403)
  })
})
