import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { describe, it } from 'node:test'
import { isQalError } from '../core/error.ts'
import { MemberId } from '../core/ids.ts'
import { tempDir } from '../../test/tools.ts'
import { openSqlitePrivate } from './private-sqlite.ts'
import type { PrivateStore, Token } from './private.ts'

const MEMBER = MemberId.parse('m_01JB0000000000000000000000')
const OTHER = MemberId.parse('m_01JB0000000000000000000001')
/** The file's own mark. */
const OURS = 0x51_61_6c_02
const AT = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString()

async function two(t: TestContext): Promise<[PrivateStore, PrivateStore, string]> {
  const path = join(await tempDir(t), 'private.sqlite')
  const stores = [await openSqlitePrivate(path), await openSqlitePrivate(path)] as const
  t.after(() => Promise.all(stores.map((store) => store.close())))
  return [...stores, path]
}

const refused = (code: string) => (error: unknown) => isQalError(error) && error.code === code

describe('the private store', () => {
  it('is readable by its owner only', async (t) => {
    const [, , path] = await two(t)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
  })

  it('finds a token by its hash, also when expired, until it is revoked', async (t) => {
    const [a, b] = await two(t)
    const token: Token = {
      hash: 'ab'.repeat(32),
      member: MEMBER,
      scopes: ['submit', 'review'],
      expires_at: AT(0),
    }
    await a.putToken(token)
    assert.deepEqual(await b.findToken(token.hash), token)
    assert.equal(await a.findToken('cd'.repeat(32)), null)
    await b.revokeToken(token.hash)
    await b.revokeToken(token.hash)
    assert.equal(await a.findToken(token.hash), null)
  })

  it('lets a sign-in link be used once, whoever asks', async (t) => {
    const [a, b] = await two(t)
    assert.equal(await a.useOnce('link', AT(15)), true)
    assert.equal(await a.useOnce('link', AT(15)), false)
    assert.equal(await b.useOnce('link', AT(99)), false)
    assert.equal(await b.useOnce('other', AT(15)), true)
    // Swept only a day after its end, and never before.
    await a.lease('job', 'v', AT(15 + 1_439), AT(3_000), null)
    assert.equal(await a.useOnce('link', AT(15)), false)
    await a.lease('job', 'v', AT(15 + 1_441), AT(3_000), null)
    assert.equal(await a.useOnce('link', AT(15)), true)
  })

  it('gives a job to one holder until its time is over', async (t) => {
    const [a, b] = await two(t)
    const taken = await Promise.all([
      a.lease('job', 'v1', AT(0), AT(1), null),
      b.lease('job', 'v2', AT(0), AT(1), null),
    ])
    assert.deepEqual(taken.toSorted(), [false, true])
    const [winner, loser] = taken[0] ? ['v1', 'v2'] : ['v2', 'v1']
    assert.equal(await a.lease('job', winner ?? '', AT(0), AT(2), { step: 'hashing', fraction: 0.5 }), true)
    assert.equal(await b.lease('job', loser ?? '', AT(1), AT(3), null), false, 'renewed until minute 2')
    assert.deepEqual(await b.leases(AT(1)), [
      { job: 'job', holder: winner, until: AT(2), progress: { step: 'hashing', fraction: 0.5 } },
    ])
    assert.equal(await b.lease('job', loser ?? '', AT(2), AT(3), null), true)
    assert.deepEqual(await a.leases(AT(2)), [{ job: 'job', holder: loser, until: AT(3), progress: null }])
    assert.deepEqual(await a.leases(AT(3)), [])
  })

  it('keeps the last progress when a renewal brings none', async (t) => {
    const [a] = await two(t)
    await a.lease('job', 'v1', AT(0), AT(1), { step: 'hashing', fraction: 0.5 })
    await a.lease('job', 'v1', AT(0), AT(2), null)
    assert.deepEqual((await a.leases(AT(0)))[0]?.progress, { step: 'hashing', fraction: 0.5 })
  })

  it('lets only the holder release', async (t) => {
    const [a, b] = await two(t)
    await a.lease('job', 'v1', AT(0), AT(5), null)
    await b.releaseLease('job', 'v2')
    assert.equal(await b.lease('job', 'v2', AT(0), AT(5), null), false)
    await a.releaseLease('job', 'v1')
    assert.equal(await b.lease('job', 'v2', AT(0), AT(5), null), true)
  })

  it('refuses what is too long or no time, and everything once closed', async (t) => {
    const [a] = await two(t)
    await assert.rejects(a.useOnce('x'.repeat(501), AT(0)), refused('store_too_long'))
    await assert.rejects(a.useOnce('x', 'tomorrow'), refused('store_time'))
    await a.close()
    await a.close()
    await assert.rejects(a.findToken('x'), refused('store_closed'))
    await assert.rejects(a.lease('job', 'v', AT(0), AT(1), null), refused('store_closed'))
  })

  it('lists a member’s tokens with their names', async (t) => {
    const [a, b] = await two(t)
    const token: Token = { hash: 'a', member: MEMBER, scopes: ['submit'], expires_at: AT(5), name: 'laptop' }
    await a.putToken(token)
    await a.putToken({ ...token, hash: 'b', expires_at: AT(9), name: undefined })
    await a.putToken({ ...token, hash: 'c', member: OTHER })
    assert.deepEqual(
      (await b.tokensOf(MEMBER)).map(({ hash, name }) => [hash, name]),
      [
        ['b', undefined],
        ['a', 'laptop'],
      ],
    )
  })

  it('ends the sessions of a member, never later ones again', async (t) => {
    const [a, b] = await two(t)
    assert.equal(await a.sessionsSince(MEMBER), null)
    await a.endSessions(MEMBER, AT(5))
    await b.endSessions(MEMBER, AT(3))
    assert.equal(await b.sessionsSince(MEMBER), AT(5))
    assert.equal(await b.sessionsSince(OTHER), null)
  })

  it('ties an account to one member, and of each kind one to a member', async (t) => {
    const [a, b] = await two(t)
    assert.equal(await a.linkIdentity('code-1', 'github', MEMBER), true)
    assert.equal(await a.linkIdentity('code-1', 'github', MEMBER), true)
    assert.equal(await b.linkIdentity('code-1', 'github', OTHER), false)
    assert.equal(await b.memberOfIdentity('code-1'), MEMBER)
    assert.equal(await b.linkIdentity('mail-1', 'email', MEMBER), true)
    assert.equal(await b.linkIdentity('code-2', 'github', MEMBER), true)
    assert.equal(await a.memberOfIdentity('code-1'), null)
    assert.equal(await a.memberOfIdentity('mail-1'), MEMBER)
    await a.unlinkIdentity('github', MEMBER)
    assert.equal(await a.memberOfIdentity('code-2'), null)
    assert.equal(await a.linkIdentity('code-2', 'github', OTHER), true)
  })

  it('brings a file of version 1 up, with what is in it', async (t) => {
    const path = join(await tempDir(t), 'private.sqlite')
    const old = new DatabaseSync(path)
    old.exec(`CREATE TABLE tokens (hash TEXT PRIMARY KEY, member TEXT NOT NULL, scopes TEXT NOT NULL,
        expires_at TEXT NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE used (id TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE leases (job TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms INTEGER NOT NULL, progress TEXT)
        STRICT, WITHOUT ROWID;
      INSERT INTO tokens VALUES ('h', '${MEMBER}', '["submit"]', '${AT(1)}');
      PRAGMA application_id = ${OURS}; PRAGMA user_version = 1`)
    old.close()
    for (let n = 0; n < 2; n++) {
      const store = await openSqlitePrivate(path)
      assert.deepEqual(await store.findToken('h'), {
        hash: 'h',
        member: MEMBER,
        scopes: ['submit'],
        expires_at: AT(1),
      })
      assert.equal(await store.linkIdentity('code', 'email', MEMBER), true)
      await store.close()
    }
  })
})
