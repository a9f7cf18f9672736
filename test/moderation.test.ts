/** What members and moderators do to listings and to each other, over HTTP on real stores. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { MemberId } from '../src/core/ids.ts'
import { issueToken, proveIdentity } from '../src/web/commands/members.ts'
import { ALL_SCOPES } from '../src/web/deps.ts'
import { readPublishedLedger } from '../src/store/published-ledger.ts'
import { LISTING_ACTS } from '../src/web/api/acts.ts'
import { getText } from '../src/store/texts.ts'
import type { CommentItem, CommentPage } from '../src/web/comments.ts'
import type { ModelItem } from '../src/web/page-types.ts'
import { BASE, openApiSite, type Answer, type ApiSite } from './api-site.ts'

const DAY_MS = 86_400_000

describe('when members speak of a listing and moderators answer', () => {
  let site: ApiSite
  before(async () => {
    site = await openApiSite()
    for (const handle of ['alice', 'bob', 'carol', 'dave', 'mod', 'mod2', 'boss', 'checker'])
      await site.signUp(handle)
    await site.signUp('mod', 'moderator')
    await site.signUp('mod2', 'moderator')
    await site.signUp('boss', 'admin')
    await site.signUp('checker', 'verifier')
  })
  after(() => site.close())

  const act = (id: string, path: string, as: string | null, body: unknown = {}): Promise<Answer> =>
    site.call('POST', `/api/models/${id}/${path}`, as, body)
  const model = async (id: string): Promise<ModelItem> =>
    (await site.call('GET', `/api/models/${id}`, null)).body as unknown as ModelItem
  /** In the order they were written. */
  const comments = async (id: string): Promise<CommentItem[]> => {
    const { body } = await site.call('GET', `/api/models/${id}/comments`, null)
    const { threads } = body as unknown as CommentPage
    return threads.toReversed().flatMap(({ first, replies }) => [first, ...replies])
  }
  const ok = async (id: string, path: string, as: string, body: unknown = {}): Promise<Answer> => {
    const answer = await act(id, path, as, body)
    assert.ok(answer.status < 300, `${path} as ${as}: ${JSON.stringify(answer.body)}`)
    return answer
  }
  const refused = async (status: number, id: string, path: string, as: string | null, body: unknown = {}) => {
    const answer = await act(id, path, as, body)
    assert.equal(answer.status, status, `${path} as ${as}: ${JSON.stringify(answer.body)}`)
    assert.ok(answer.body['code'])
  }
  /** A member whose reports count: an identity, and older than the policy asks. */
  async function reporter(handle: string): Promise<string> {
    const member = await site.signUp(handle)
    await proveIdentity(site.stores, member, 'email')
    return handle
  }
  const endorse = (path: string, as: string): Promise<Answer> =>
    site.call('POST', `/api/members/${path}`, as, {})
  async function published(): Promise<string> {
    const id = await site.submit('alice')
    await ok(id, 'review', 'mod', { decision: 'approve' })
    return id
  }

  it('takes comments, replies, edits and withdrawals, and erases what was withdrawn', async () => {
    const id = await published()
    const { body } = await ok(id, 'comments', 'bob', { text: 'First' })
    const first = Number(body['comment'])
    await ok(id, 'comments', 'alice', { text: 'Thanks', reply_to: first })
    await refused(422, id, 'comments', 'alice', { text: 'To nobody', reply_to: 1 })
    await refused(403, id, 'comments/edit', 'alice', { comment: first, text: 'Not mine' })
    await refused(404, id, 'comments/edit', 'bob', { comment: 999, text: 'Not there' })
    const previous = (await comments(id))[0]?.text ?? ''
    await ok(id, 'comments/edit', 'bob', { comment: first, text: 'Better' })
    assert.equal(await getText(site.stores.blobs, previous), null)
    const shown = await comments(id)
    assert.equal(await getText(site.stores.blobs, shown[0]?.text ?? ''), 'Better')
    assert.equal(shown[1]?.reply_to, first)
    site.clock = 31 * 60_000
    try {
      await refused(403, id, 'comments/edit', 'bob', { comment: first, text: 'Too late' })
    } finally {
      site.clock = 0
    }
    await refused(403, id, 'comments/hidden', 'bob', { comment: first, hidden: true })
    await ok(id, 'comments/hidden', 'mod', { comment: first, hidden: true })
    assert.equal((await comments(id))[0]?.state, 'hidden')
    await ok(id, 'comments/hidden', 'mod', { comment: first, hidden: false })
    await ok(id, 'comments/withdrawal', 'bob', { comment: first })
    assert.equal((await comments(id))[0]?.state, 'withdrawn')
    assert.equal(await getText(site.stores.blobs, shown[0]?.text ?? ''), null)
    await refused(404, id, 'comments/withdrawal', 'bob', { comment: first })
  })

  it('takes attestations of these bytes by others, once each', async () => {
    const id = await published()
    const { sha256 } = await model(id)
    const checksum = { kind: 'checksum', sha256 }
    await refused(403, id, 'attestations', 'alice', checksum)
    await refused(422, id, 'attestations', 'bob', { ...checksum, sha256: '0'.repeat(64) })
    await refused(422, id, 'attestations', 'bob', { ...checksum, hardware: 'a laptop' })
    await refused(422, id, 'attestations', 'bob', { kind: 'works', sha256, hardware: 'a\u202eb' })
    await ok(id, 'attestations', 'bob', checksum)
    await ok(id, 'attestations', 'bob', checksum)
    await ok(id, 'attestations', 'bob', { kind: 'works', sha256, hardware: 'RTX 3090' })
    await ok(id, 'attestations', 'carol', { kind: 'works', sha256, hardware: 'RTX 3090' })
    const { attestations } = (await model(id)).community
    assert.deepEqual(attestations, {
      members: 2,
      checksum: 1,
      works: 2,
      hardware: [{ name: 'RTX 3090', members: 2 }],
    })
    await ok(id, 'attestations/withdrawal', 'bob', { kind: 'works' })
    await refused(404, id, 'attestations/withdrawal', 'bob', { kind: 'works' })
    assert.equal((await model(id)).community.attestations.works, 1)
    await ok(id, 'ratings', 'bob', { stars: 4 })
    await ok(id, 'ratings/withdrawal', 'bob')
    await refused(404, id, 'ratings/withdrawal', 'bob')
  })

  it('decides reports one by one, and counts nowhere whoever had one dismissed', async () => {
    const [id, other] = [await published(), await published()]
    for (const handle of ['r1', 'r2', 'r3']) await reporter(handle)
    site.clock = 8 * DAY_MS
    try {
      const wrong = { category: 'corrupted_file', text: 'Does not load' }
      for (const handle of ['r1', 'r2', 'r3']) await ok(id, 'reports', handle, wrong)
      assert.equal((await model(id)).status, 'suspended')
      const reports = site.stores.catalogue.listingState(id)?.reports ?? []
      await refused(403, id, 'reports/decisions', 'r1', { upheld: false })
      await refused(403, id, 'reports/decisions', 'checker', { upheld: false })
      await refused(422, id, 'reports/decisions', 'mod', { upheld: false, reports: [1] })
      await ok(id, 'reports/decisions', 'mod', {
        upheld: false,
        reports: [reports[0]?.seq],
        reason: 'It loads',
      })
      assert.equal((await model(id)).status, 'published')
      assert.equal((await model(id)).community.reports_open, 2)
      const again = await ok(other, 'reports', 'r1', wrong)
      assert.equal(again.body['counts'], false)
      assert.match(String(again.body['why_not']), /dismissed/)
      const fair = await ok(other, 'reports', 'r2', wrong)
      assert.equal(fair.body['counts'], true)
      site.clock = (8 + 91) * DAY_MS
      const later = await ok(await published(), 'reports', 'r1', wrong)
      assert.equal(later.body['counts'], true)
      site.clock = 8 * DAY_MS
      await ok(id, 'reports/decisions', 'mod', { upheld: true })
      assert.equal((await model(id)).community.reports_open, 0)
      await refused(422, id, 'reports/decisions', 'mod', { upheld: true })
    } finally {
      site.clock = 0
    }
  })

  it('asks verifiers again where a report that counts brings another digest', async () => {
    const id = await published()
    await reporter('r4')
    const evidence = { category: 'corrupted_file', text: 'Mine differs', evidence_sha256: 'e'.repeat(64) }
    const { sha256 } = await model(id)
    await refused(422, id, 'reports', 'r4', { ...evidence, evidence_sha256: sha256 })
    await refused(422, id, 'reports', 'r4', { ...evidence, evidence_sha256: 'short' })
    await ok(id, 'reports', 'r4', { ...evidence, evidence_size_bytes: 12 })
    const stored = (await site.stores.ledger.readStream(`listing/${id}`)).at(-1)
    assert.deepEqual(stored?.data['evidence'], { sha256: 'e'.repeat(64), size_bytes: 12 })
  })

  it('undoes a decision, by who made it or another moderator, not over what was not seen', async () => {
    const id = await published()
    await refused(403, id, 'review/undo', 'alice')
    await refused(403, id, 'review/undo', 'bob')
    await refused(409, id, 'review/undo', 'mod2', { seen_seq: 1 })
    await ok(id, 'review/undo', 'mod2')
    assert.equal((await model(id)).status, 'pending')
    await refused(404, id, 'review/undo', 'mod2')
    await ok(id, 'review', 'mod', { decision: 'reject', reason: 'Mistake' })
    await ok(id, 'review/undo', 'mod')
    assert.equal((await model(id)).status, 'pending')
  })

  it('takes one appeal at a time, of the uploader, and answers it', async () => {
    const id = await site.submit('alice')
    await refused(422, id, 'appeals', 'alice', { text: 'Nothing to appeal against' })
    await ok(id, 'review', 'mod', { decision: 'reject', reason: 'No licence' })
    await refused(403, id, 'appeals', 'bob', { text: 'Not mine' })
    await refused(422, id, 'appeals', 'alice', { text: ' ' })
    await ok(id, 'appeals', 'alice', { text: 'It has one' })
    await refused(422, id, 'appeals', 'alice', { text: 'And again' })
    assert.ok(site.stores.catalogue.forModerators().some((each) => each.id === id))
    await refused(403, id, 'appeals/dismissal', 'alice', { reason: 'Mine' })
    await refused(422, id, 'appeals/dismissal', 'mod2', { reason: '' })
    await ok(id, 'appeals/dismissal', 'mod2', { reason: 'Where?' })
    assert.equal((await model(id)).appeal?.state, 'dismissed')
    await ok(id, 'appeals', 'alice', { text: 'In the README' })
    await ok(id, 'review', 'mod2', { decision: 'restore' })
    const answered = await model(id)
    assert.deepEqual([answered.status, answered.appeal?.state], ['published', 'decided'])
  })

  it('says which listing takes the place of which, without circles', async () => {
    const [old, newer, foreign] = [await published(), await published(), await site.submit('bob')]
    await refused(403, old, 'superseded', 'bob', { by: newer })
    await refused(422, old, 'superseded', 'alice', { by: foreign })
    await refused(422, old, 'superseded', 'alice', { by: old })
    await refused(404, old, 'superseded', 'alice', { by: '0'.repeat(26) })
    await ok(old, 'superseded', 'alice', { by: newer })
    assert.equal((await model(old)).superseded_by, newer)
    await refused(422, newer, 'superseded', 'alice', { by: old })
    await ok(old, 'superseded', 'mod', { by: null })
    assert.equal((await model(old)).superseded_by, null)
  })

  it('bans a member: what they said counts no longer, until the ban is lifted', async () => {
    const id = await published()
    await reporter('troll')
    const ban = (as: string, body: object, whom = 'troll') =>
      site.call('POST', `/api/members/${whom}/ban`, as, body)
    site.clock = 8 * DAY_MS
    try {
      await ok(id, 'ratings', 'troll', { stars: 1 })
      await ok(id, 'comments', 'troll', { text: 'Spam' })
      const { body } = await ok(id, 'reports', 'troll', { category: 'malware', text: 'No' })
      assert.equal(body['counts'], true)
      assert.equal((await model(id)).community.reports_open, 1)
      assert.equal((await ban('bob', { banned: true, reason: 'x' })).status, 403)
      assert.equal((await ban('mod', { banned: true })).status, 422)
      assert.equal((await ban('mod', { banned: true, reason: 'x' }, 'mod')).status, 403)
      assert.equal((await ban('mod', { banned: true, reason: 'x' }, 'mod2')).status, 403)
      assert.equal((await ban('mod', { banned: true, reason: 'Spam' })).status, 200)
      const { community } = await model(id)
      assert.deepEqual(
        [community.ratings, community.reports_open, (await comments(id))[0]?.state],
        [0, 0, 'hidden'],
      )
      await refused(403, id, 'comments', 'troll', { text: 'More' })
      const page = await site.app.request(`http://qal.test/models/${id}`, {
        headers: { authorization: `Bearer ${site.tokens['troll']}` },
      })
      assert.ok(page.url === '' || page.status < 400)
      assert.equal((await ban('mod', { banned: false })).status, 200)
      assert.equal((await model(id)).community.ratings, 1)
      assert.equal((await model(id)).community.reports_open, 1)
      assert.equal((await ban('boss', { banned: true, reason: 'Admins may' }, 'mod2')).status, 200)
      await refused(403, id, 'review', 'mod2', { decision: 'remove', reason: 'x' })
      assert.equal((await ban('boss', { banned: false }, 'mod2')).status, 200)
    } finally {
      site.clock = 0
    }
  })

  it('endorses others, once, and takes it back', async () => {
    assert.equal((await endorse('alice/endorsements', 'alice')).status, 403)
    assert.equal((await endorse('nobody-here/endorsements', 'bob')).status, 404)
    await endorse('alice/endorsements', 'bob')
    const { body } = await endorse('alice/endorsements', 'boss')
    const list = body['endorsements'] as { counts: boolean }[]
    assert.deepEqual(
      list.map(({ counts }) => counts),
      [false, true],
    )
    await endorse('alice/endorsements/withdrawal', 'bob')
    assert.equal((await endorse('alice/endorsements/withdrawal', 'bob')).status, 404)
  })

  it('erases texts for their authors and for moderators, and the ledger still replays', async () => {
    const id = await site.submit('alice', { readme: 'About me' })
    const readme = (await model(id)).readme ?? ''
    await ok(id, 'comments', 'bob', { text: 'My address is …' })
    const comment = (await comments(id))[0]?.text ?? ''
    await refused(403, id, 'erasures', 'bob', { text: readme })
    await refused(403, id, 'erasures', 'alice', { text: comment })
    await refused(404, id, 'erasures', 'mod', { text: 'f'.repeat(64) })
    await refused(404, id, 'erasures', 'mod', { text: (await model(id)).sha256 })
    await ok(id, 'erasures', 'mod', { text: comment })
    await ok(id, 'erasures', 'alice', { text: readme })
    assert.equal(await getText(site.stores.blobs, comment), null)
    assert.equal(await getText(site.stores.blobs, readme), null)
    const events = await readPublishedLedger(async (path) =>
      (await site.app.request(`http://qal.test/ledger/${path}`)).text(),
    )
    assert.equal(events.length, await site.stores.ledger.head())
  })

  it('asks nothing of verifiers twice, and of an uploader’s wish once a day', async () => {
    const id = await published()
    await refused(403, id, 'verifications/request', 'bob')
    // It waits for its first verification.
    await refused(422, id, 'verifications/request', 'alice')
  })

  it('shows what was decided, by whom and why, and never who reported', async () => {
    const id = await published()
    await ok(id, 'reports', 'bob', { category: 'malware', text: 'secret words of bob' })
    await ok(id, 'review', 'mod', { decision: 'remove', reason: 'It holds a program' })
    const { body } = await site.call('GET', '/api/audit', null)
    const [latest] = body['actions'] as Record<string, unknown>[]
    assert.equal(latest?.['what'], 'decided: remove')
    assert.deepEqual(
      [latest?.['by'], latest?.['right'], latest?.['why']],
      ['mod', 'as moderator', 'It holds a program'],
    )
    const page = await (await site.app.request('http://qal.test/audit')).text()
    assert.ok(page.includes('It holds a program') && !page.includes('secret words') && !page.includes('@bob'))
    assert.equal((await site.app.request('http://qal.test/audit?page=0')).status, 422)
  })

  it('pages comments, threads whole, and keeps the listing small', async () => {
    const id = await published()
    for (let n = 1; n <= 23; n++) await ok(id, 'comments', 'bob', { text: `Comment ${n}` })
    const read = async (page: number) =>
      (await site.call('GET', `/api/models/${id}/comments?page=${page}`, null)).body as unknown as CommentPage
    const [one, two, three] = [await read(1), await read(2), await read(3)]
    assert.deepEqual(
      [one.total, one.pages, one.threads.length, two.threads.length, three.threads.length],
      [23, 2, 20, 3, 0],
    )
    assert.equal(one.threads[0]?.first.markdown, 'Comment 23')
    assert.equal(two.threads.at(-1)?.first.markdown, 'Comment 1')
    const page = await (await site.app.request(`http://qal.test/models/${id}/x?comments=2`)).text()
    assert.ok(page.includes('<p>Comment 1</p>') && !page.includes('<p>Comment 23</p>'))
    assert.equal((await model(id)).community.comments, 23)
  })

  it('takes the same acts from the forms of the pages', async () => {
    const id = await published()
    const form = async (path: string, as: string, fields: Record<string, string>) => {
      const headers = { authorization: `Bearer ${site.tokens[as]}`, origin: BASE }
      const response = await site.app.request(BASE + path, {
        method: 'POST',
        body: new URLSearchParams(fields),
        headers,
      })
      return [response.status, response.headers.get('location')] as const
    }
    const at = `/models/${id}`
    assert.deepEqual(await form(`${at}/comments`, 'bob', { text: 'Hello' }), [303, at])
    const [first] = await comments(id)
    await form(`${at}/comments`, 'alice', { text: 'Hi', reply_to: String(first?.seq) })
    await form(`${at}/comments/hidden`, 'mod', { comment: String(first?.seq), hidden: 'true' })
    assert.deepEqual(
      (await comments(id)).map(({ state }) => state),
      ['hidden', 'shown'],
    )
    await form(`${at}/attestations`, 'bob', { kind: 'works', sha256: (await model(id)).sha256, hardware: '' })
    assert.equal((await model(id)).community.attestations.works, 1)
    await form(`${at}/reports`, 'bob', {
      category: 'malware',
      text: 'x',
      evidence_sha256: '',
      evidence_size_bytes: '',
    })
    const [report] = site.stores.catalogue.listingState(id)?.reports ?? []
    await form(`${at}/reports/decisions`, 'mod', { upheld: 'false', reports: String(report?.seq) })
    assert.equal((await site.app.request(`${BASE}${at}`)).status, 200)
    await form(`${at}/superseded`, 'alice', { by: '' })
    assert.deepEqual(await form('/members/alice/endorsements', 'bob', {}), [303, '/members/alice'])
    assert.deepEqual(await form('/members/bob/ban', 'mod', { banned: 'true', reason: 'x' }), [
      303,
      '/members/bob',
    ])
    await form('/members/bob/ban', 'mod', { banned: 'false' })
    assert.equal(site.stores.catalogue.memberByHandle('bob')?.banned, null)
    await form(`${at}/withdrawal`, 'alice', {})
    assert.equal((await model(id)).status, 'withdrawn')
    await refused(422, id, 'withdrawal', 'alice')
  })

  it('flags a name that looks like one that was listed before, and no other', async () => {
    const real = await site.submit('alice', { name: 'Llama-9-70B-Instruct' })
    const fake = await site.submit('bob', { name: 'LIama-9-7OB-Instruct' })
    const same = await site.submit('bob', { name: 'Llama 9 70B instruct' })
    const page = async (id: string) => (await site.app.request(`${BASE}/models/${id}`)).text()
    assert.ok((await page(fake)).includes(`/models/${real}`))
    assert.ok(!(await page(same)).includes('Looks like another name'))
    assert.ok(!(await page(real)).includes('Looks like another name'))
  })

  it('runs nothing of what people write', async () => {
    const id = await published()
    const hostile = [
      '<script>alert(1)</script>',
      '<img src=x onerror=alert(1)>',
      '[x](javascript:alert(1))',
      '[x](data:text/html,<script>alert(1)</script>)',
      '![x](https://evil.example/pixel.png)',
      '<svg onload=alert(1)>',
      '"><iframe src=//evil.example>',
      '<https://evil.example/"onmouseover=alert(1)>',
    ].join('\n\n')
    await ok(id, 'comments', 'bob', { text: hostile })
    await ok(id, 'reports', 'bob', { category: 'malware', text: hostile })
    await ok(id, 'review', 'mod', { decision: 'reject', reason: hostile })
    await ok(id, 'appeals', 'alice', { text: hostile })
    for (const [path, as] of [
      [`/models/${id}`, 'mod'],
      [`/models/${id}`, 'alice'],
      ['/audit', 'bob'],
      ['/queue', 'mod'],
    ] as const) {
      const headers = { authorization: `Bearer ${site.tokens[as]}` }
      const html = await (await site.app.request(BASE + path, { headers })).text()
      assert.doesNotMatch(
        html,
        /<script>alert|<img[^>]+onerror|<svg onload|<iframe|href="(?:javascript|data):/i,
        path,
      )
      assert.doesNotMatch(html, /<[^>]+\son\w+=/i, path)
      assert.doesNotMatch(html, /<img[^>]+evil\.example/i, path)
    }
  })

  it('lets no visitor do anything, and nobody without the scope', async () => {
    const id = await published()
    const member = site.stores.catalogue.memberByHandle('alice')
    assert.ok(member)
    for (const { path } of LISTING_ACTS) {
      await refused(401, id, path, null)
      const { body } = await site.call('POST', `/api/models/${id}/${path}`, 'qal_not-a-token', {})
      assert.equal(body['code'], 'http_unauthorised')
    }
    // And nobody by a token that was made for something else.
    for (const { path, scope } of LISTING_ACTS) {
      const scopes = ALL_SCOPES.filter((each) => each !== scope)
      const { token } = await issueToken(site.stores, MemberId.parse(member.id), scopes, 60_000)
      await refused(403, id, path, token)
    }
  })
})
