/** Signing in by GitHub and by e-mail, keys, tokens and sessions: against a local GitHub, a real SMTP server and gpg. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { signInWays } from '../src/deploy/sign-in-ways.ts'
import { isQalError } from '../src/core/error.ts'
import { gpgMissing, openGpg } from '../src/sign/gpg.suite.ts'
import { BASE, openApiSite, type ApiSite } from './api-site.ts'
import { startGithub, type LocalGithub } from './github.ts'
import { startMail, type LocalMail } from './mail.ts'

/** What a browser keeps and sends: cookies, this site's origin, no redirects by itself. */
class Visitor {
  readonly #site: ApiSite
  readonly #cookies = new Map<string, string>()
  constructor(site: ApiSite) {
    this.#site = site
  }

  async #send(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('cookie', [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    headers.set('accept', 'text/html')
    const response = await this.#site.app.request(path.startsWith('http') ? path : BASE + path, {
      ...init,
      headers,
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (value === '') this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
    return response
  }

  get(path: string): Promise<Response> {
    return this.#send(path)
  }

  post(path: string, fields: Record<string, string> = {}, origin = BASE): Promise<Response> {
    return this.#send(path, { method: 'POST', body: new URLSearchParams(fields), headers: { origin } })
  }

  /** Goes to GitHub, presses its button there, and comes back. */
  async github(query = ''): Promise<Response> {
    const away = await this.get(`/sign-in/github${query}`)
    assert.equal(away.status, 302)
    const back = await fetch(away.headers.get('location') ?? '', { redirect: 'manual' })
    return this.get(back.headers.get('location') ?? '')
  }

  async handle(): Promise<string | null> {
    const page = await (await this.get('/account')).text()
    return /You are @([\w-]+)/.exec(page)?.[1] ?? null
  }

  /** Chooses a handle on the page that asks for one. */
  async choose(asking: Response, handle: string): Promise<Response> {
    const ticket = /name="ticket" value="([^"]+)"/.exec(await asking.text())?.[1] ?? ''
    return this.post('/sign-in/handle', { ticket, handle })
  }
}

describe('when people show who they are', () => {
  let site: ApiSite
  let github: LocalGithub
  let mail: LocalMail

  before(async () => {
    github = await startGithub()
    mail = await startMail()
    site = await openApiSite(
      signInWays({
        QAL_GITHUB_CLIENT_ID: github.clientId,
        QAL_GITHUB_CLIENT_SECRET: github.clientSecret,
        QAL_GITHUB_URL: github.url,
        QAL_GITHUB_API_URL: `${github.url}/`,
        QAL_SMTP_URL: mail.url,
        QAL_MAIL_FROM: 'Qal.to <noreply@qal.test>',
      }),
    )
  })
  after(async () => {
    await site.close()
    await github.close()
    await mail.close()
  })

  const member = (handle: string) => site.stores.catalogue.memberByHandle(handle)
  /** The path of the link in the newest mail to an address. */
  function mailed(address: string): string {
    const found = mail.mails.findLast(({ to }) => to.includes(address))
    assert.ok(found, `no mail to ${address}`)
    const text = found.text.replaceAll('=\r\n', '').replaceAll('=3D', '=')
    return new URL(/http:\/\/qal\.test\S+/.exec(text)?.[0] ?? '').pathname
  }
  async function byMail(
    visitor: Visitor,
    address: string,
    fields: Record<string, string> = {},
  ): Promise<Response> {
    const asked = await visitor.post('/sign-in/email', { email: address, ...fields })
    assert.equal(asked.status, 200, await asked.clone().text())
    const link = mailed(address.trim().toLowerCase())
    assert.equal((await visitor.get(link)).status, 200)
    return visitor.post(link)
  }

  /** A new member with an address of their own. */
  async function joined(handle: string): Promise<Visitor> {
    const visitor = new Visitor(site)
    const answer = await visitor.choose(await byMail(visitor, `${handle}@example.org`), handle)
    assert.equal(answer.status, 303, await answer.clone().text())
    return visitor
  }

  describe('by GitHub', () => {
    it('lets a newcomer choose a handle, and knows them by their number afterwards', async () => {
      github.user = { id: 583_231, login: 'Octo-Cat' }
      const visitor = new Visitor(site)
      const asking = await visitor.github('?next=/submit')
      assert.match(await asking.clone().text(), /value="octo-cat"/)
      const done = await visitor.choose(asking, 'octocat')
      assert.deepEqual([done.status, done.headers.get('location')], [303, '/submit'])
      assert.equal(await visitor.handle(), 'octocat')
      assert.deepEqual(member('octocat')?.identity, ['github'])
      github.user = { id: 583_231, login: 'renamed' }
      const again = new Visitor(site)
      assert.equal((await again.github('?next=//evil.example')).headers.get('location'), '/')
      assert.equal(await again.handle(), 'octocat')
    })

    it('keeps neither number nor name in the ledger', async () => {
      const { events } = await site.stores.ledger.read(0, 1_000)
      assert.ok(!/583231|octo-cat|renamed|gho_/i.test(JSON.stringify(events)))
      const [proved] = events.filter(({ type }) => type === 'identity_proved')
      assert.deepEqual(proved?.authority, { as: 'rule', rule: 'T20' })
    })

    it('takes no return that this browser did not ask for, and none twice', async () => {
      github.user = { id: 7, login: 'seven' }
      const visitor = new Visitor(site)
      const away = await visitor.get('/sign-in/github')
      const back = await fetch(away.headers.get('location') ?? '', { redirect: 'manual' })
      const location = back.headers.get('location') ?? ''
      // Somebody else's browser, as in a forged sign-in.
      assert.equal((await new Visitor(site).get(location)).status, 401)
      const forged = new URL(location)
      forged.searchParams.set('state', 'x')
      assert.equal((await visitor.get(forged.href)).status, 401)
      // The cookie was for one return.
      assert.equal((await visitor.get(location)).status, 401)
      github.user = null
      assert.equal((await new Visitor(site).github()).status, 401)
      assert.equal(await visitor.handle(), null)
    })

    const handles: [what: string, handle: string, status: number][] = [
      ['one that somebody has', 'octocat', 422],
      ['a reserved one', 'meta-llama', 422],
      ['one that looks like a reserved one', 'meta_1lama', 422],
      ['one that is none', 'A b', 422],
      ['a free one', 'newcomer', 303],
    ]
    for (const [what, handle, status] of handles)
      it(`answers ${what} with ${status}`, async () => {
        github.user = { id: 99, login: 'ninety-nine' }
        const visitor = new Visitor(site)
        const answer = await visitor.choose(await visitor.github(), handle)
        assert.equal(answer.status, status)
        if (status === 422) assert.match(await answer.text(), /role="alert"/)
      })

    it('adds an account to who is signed in only where they asked for that', async () => {
      github.user = { id: 1_001, login: 'linker' }
      const visitor = new Visitor(site)
      await visitor.choose(await visitor.github(), 'linker')
      github.user = { id: 1_002, login: 'other-account' }
      // Signing in as another asks for a handle; it does not add the account to @linker.
      assert.match(await (await visitor.github()).text(), /Choose a handle/)
      await byMail(visitor, 'linker@example.org', { link: '1' })
      assert.deepEqual(member('linker')?.identity.toSorted(), ['email', 'github'])
      // An account of one member is not another's.
      const second = new Visitor(site)
      await second.choose(await second.github(), 'second')
      github.user = { id: 1_001, login: 'linker' }
      const taken = await second.github('?link=1')
      assert.equal(taken.status, 422)
      assert.equal((await new Visitor(site).get('/sign-in/github?link=1')).status, 403)
    })
  })

  describe('by e-mail', () => {
    it('sends a link that a mail program may open, and that signs in once', async () => {
      const visitor = new Visitor(site)
      assert.equal((await visitor.post('/sign-in/email', { email: ' Alice@Example.ORG ' })).status, 200)
      const link = mailed('alice@example.org')
      for (let n = 0; n < 2; n++) assert.equal((await new Visitor(site).get(link)).status, 200)
      const asking = await visitor.post(link)
      assert.equal((await visitor.choose(asking, 'alice')).status, 303)
      assert.deepEqual(member('alice')?.identity, ['email'])
      assert.equal((await visitor.post(link)).status, 401)
      const again = new Visitor(site)
      assert.equal((await byMail(again, 'alice@example.org')).status, 303)
      assert.equal(await again.handle(), 'alice')
      const { events } = await site.stores.ledger.read(0, 1_000)
      assert.ok(!JSON.stringify(events).includes('example.org'))
    })

    it('sends no more than three an hour to an address', async () => {
      const visitor = new Visitor(site)
      const send = async () => (await visitor.post('/sign-in/email', { email: 'flood@example.org' })).status
      assert.deepEqual([await send(), await send(), await send(), await send()], [200, 200, 200, 429])
      site.clock = 3_600_000
      try {
        assert.equal(await send(), 200)
      } finally {
        site.clock = 0
      }
    })

    const wrong: [what: string, email: string][] = [
      ['no address', 'alice'],
      ['two addresses', 'a@example.org,b@example.org'],
      ['a header of its own', 'a@example.org\r\nBcc: b@example.org'],
      ['an address with a name', 'A <a@example.org>'],
      ['a very long one', `${'a'.repeat(250)}@example.org`],
    ]
    for (const [what, email] of wrong)
      it(`sends nothing to ${what}`, async () => {
        const sent = mail.mails.length
        assert.equal((await new Visitor(site).post('/sign-in/email', { email })).status, 422)
        assert.equal(mail.mails.length, sent)
      })

    it('says so where the mail server refuses', async () => {
      assert.equal(
        (await new Visitor(site).post('/sign-in/email', { email: 'refused@example.org' })).status,
        503,
      )
    })

    it('takes no ticket of another kind, changed, or over', async () => {
      const visitor = new Visitor(site)
      await visitor.post('/sign-in/email', { email: 'ticket@example.org' })
      const link = mailed('ticket@example.org')
      const ticket = link.split('/').at(-1) ?? ''
      assert.equal((await visitor.get(`/sign-in/${ticket}`)).status, 401)
      assert.equal((await visitor.post('/sign-in/handle', { ticket, handle: 'ticket' })).status, 401)
      assert.equal((await visitor.post(`${link.slice(0, -3)}abc`)).status, 401)
      site.clock = 31 * 60_000
      try {
        assert.equal((await visitor.post(link)).status, 401)
      } finally {
        site.clock = 0
      }
      assert.equal((await visitor.post(link)).status, 200)
    })

    it('does not add an address to somebody who opens another’s link', async () => {
      const [mallory, victim] = [await joined('mallory'), await joined('victim')]
      await mallory.post('/sign-in/email', { email: 'second@example.org', link: '1' })
      const link = mailed('second@example.org')
      assert.equal((await victim.post(link)).status, 403)
      assert.deepEqual(member('victim')?.identity, ['email'])
    })
  })

  describe('and keep their account', () => {
    it('takes forms of this site only', async () => {
      const visitor = await joined('former')
      for (const path of ['tokens', 'keys', 'keys/revoke', 'identities/remove', 'sign-out', 'tokens/revoke'])
        assert.equal((await visitor.post(`/account/${path}`, {}, 'http://evil.example')).status, 403, path)
      assert.equal(await visitor.handle(), 'former')
    })

    it('makes tokens with chosen rights, shows them once, and revokes them', async () => {
      const visitor = await joined('tokener')
      assert.equal((await visitor.post('/account/tokens', { name: 'x', days: '30' })).status, 422)
      assert.equal(
        (await visitor.post('/account/tokens', { name: '', days: '30', submit: 'on' })).status,
        422,
      )
      const wish = { name: 'laptop', days: '30', community: 'on' }
      assert.equal((await visitor.post('/account/tokens', { ...wish, admin: 'on' })).status, 422)
      const made = await (await visitor.post('/account/tokens', wish)).text()
      const token = /qal_[\w-]{43}/.exec(made)?.[0] ?? ''
      const id = await site.submit(await submitter())
      const rate = (stars: number) => site.call('POST', `/api/models/${id}/ratings`, token, { stars })
      assert.equal((await rate(5)).status, 200)
      assert.equal((await site.call('POST', '/api/submissions', token, await site.submission())).status, 403)
      const account = await (await visitor.get('/account')).text()
      assert.ok(account.includes('laptop') && !account.includes(token))
      const named = /name="id" value="([0-9a-f]{16})"/.exec(account)?.[1] ?? ''
      assert.equal((await visitor.post('/account/tokens/revoke', { id: named })).status, 303)
      assert.equal((await rate(4)).status, 401)
    })

    it('lets a session of few rights change nothing of the account', async () => {
      const owner = await joined('few')
      const made = await (
        await owner.post('/account/tokens', { name: 'few', days: '1', community: 'on' })
      ).text()
      const visitor = new Visitor(site)
      await visitor.post('/sign-in/token', { token: /qal_[\w-]{43}/.exec(made)?.[0] ?? '' })
      assert.equal(await visitor.handle(), 'few')
      for (const path of ['tokens', 'keys', 'identities/remove', 'sign-out'])
        assert.equal((await visitor.post(`/account/${path}`, { kind: 'email' })).status, 403, path)
      assert.equal((await visitor.get('/sign-in/github?link=1')).status, 403)
      assert.deepEqual(member('few')?.identity, ['email'])
    })

    it('signs out everywhere', async () => {
      const [here, there] = [await joined('bob'), new Visitor(site)]
      await byMail(there, 'bob@example.org')
      assert.equal(await there.handle(), 'bob')
      site.clock = 5
      try {
        await here.post('/account/sign-out')
        assert.deepEqual([await here.handle(), await there.handle()], [null, null])
        site.clock = 10
        const again = new Visitor(site)
        await byMail(again, 'bob@example.org')
        assert.equal(await again.handle(), 'bob')
      } finally {
        site.clock = 0
      }
    })

    it('lets an identity go, and another take the account', async () => {
      const visitor = await joined('mover')
      assert.deepEqual(member('mover')?.identity, ['email'])
      await visitor.post('/account/identities/remove', { kind: 'email' })
      assert.deepEqual(member('mover')?.identity, [])
      const other = new Visitor(site)
      assert.match(await (await byMail(other, 'mover@example.org')).text(), /Choose a handle/)
    })
  })

  describe('by an OpenPGP key', { skip: gpgMissing() }, () => {
    it('registers what gpg signed, over this text alone, and revokes it', async () => {
      const visitor = await joined('keykeeper')
      const stranger = await joined('stranger')
      const gpg = openGpg()
      try {
        const page = await (await visitor.get('/account')).text()
        const challenge = /<textarea id="challenge"[^>]*>([^<]+)</.exec(page)?.[1] ?? ''
        assert.match(challenge, /as @keykeeper \(m_/)
        for (const algorithm of ['ed25519', 'rsa3072'] as const) {
          const fingerprint = gpg.key(`Keeper ${algorithm} <keeper@example.org>`, algorithm)
          const sign = (text: string): string =>
            gpg.gpg(['--armor', '--detach-sign', '--local-user', fingerprint], text).toString()
          const good = {
            public_key: gpg.gpg(['--armor', '--export', fingerprint]).toString(),
            challenge,
            signature: sign(challenge),
          }
          const post = async (over: Partial<typeof good>) =>
            (await visitor.post('/account/keys', { ...good, ...over })).status
          assert.equal(await post({ signature: sign('another text') }), 422)
          assert.equal(await post({ challenge: challenge.replace('@keykeeper', '@somebody') }), 422)
          assert.equal(await post({ public_key: 'no key' }), 422)
          assert.equal(await post({ signature: 'no signature' }), 422)
          assert.equal((await stranger.post('/account/keys', good)).status, 422)
          // As a browser sends lines.
          assert.equal(await post({ challenge: challenge.replaceAll('\n', '\r\n') }), 303)
          const key = member('keykeeper')?.keys.find((each) => each.fingerprint === fingerprint)
          assert.equal(key?.revoked_at, null)
          await visitor.post('/account/keys/revoke', { fingerprint, why: 'compromised' })
          assert.notEqual(
            member('keykeeper')?.keys.find((each) => each.fingerprint === fingerprint)?.revoked_at,
            null,
          )
          assert.equal(await post({}), 422)
        }
        assert.deepEqual(member('keykeeper')?.identity.toSorted(), ['email', 'openpgp'])
      } finally {
        gpg.close()
      }
    })
  })

  async function submitter(): Promise<string> {
    await site.signUp('uploader')
    return 'uploader'
  }
})

describe('the settings of signing in', () => {
  it('are off where nothing is set', () => assert.deepEqual(signInWays({}), {}))

  const wrong: [what: string, env: NodeJS.ProcessEnv][] = [
    ['half of a pair', { QAL_GITHUB_CLIENT_ID: 'x' }],
    ['the other half', { QAL_MAIL_FROM: 'a@b.example' }],
    ['an address of no scheme', { QAL_SMTP_URL: 'mail.example', QAL_MAIL_FROM: 'a@b.example' }],
    [
      'GitHub at no URL',
      { QAL_GITHUB_CLIENT_ID: 'x', QAL_GITHUB_CLIENT_SECRET: 'y', QAL_GITHUB_URL: 'github' },
    ],
  ]
  for (const [what, env] of wrong)
    it(`refuse ${what}`, () => {
      assert.throws(
        () => signInWays(env),
        (error: unknown) => isQalError(error) && error.code === 'cli_usage' && error.facts.exit === 2,
      )
    })
})
