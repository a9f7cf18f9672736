import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digest } from '../../test/record.ts'
import { scene, type Scene } from '../../test/scene.ts'
import { commentsOf } from './community.ts'
import type { Authority } from './events.ts'

function says({ record, listing }: Scene, type: string, data: object, by: string, authority?: Authority) {
  return record.append(`listing/${listing}`, type, data, { by, authority: authority ?? { as: 'self' } })
}

const community = ({ record, listing }: Scene) => record.listing(listing).community

const attest = (all: Scene, by: string, over: object = {}) =>
  says(
    all,
    'attested',
    { kind: 'checksum', sha256: all.record.listing(all.listing).sha256, hardware: null, ...over },
    by,
  )

const write = (all: Scene, by: string, replyTo: number | null = null) =>
  all.record.comment(all.listing, by, {}, replyTo).seq

const comments = ({ record, listing }: Scene) => {
  const world = record.world()
  const state = world.listings.get(listing)
  return state === undefined ? [] : commentsOf(state, world.site)
}

describe('an attestation (T19)', () => {
  it('counts a member once, whatever and however often they attest', () => {
    const all = scene()
    for (let n = 0; n < 3; n++) attest(all, all.tess)
    attest(all, all.tess, { kind: 'works', hardware: '__proto__' })
    attest(all, all.tess, { kind: 'works', hardware: 'a laptop' })
    attest(all, all.vera, { kind: 'works', hardware: 'a laptop' })
    assert.deepEqual(community(all).attestations, {
      members: 2,
      checksum: 1,
      works: 2,
      hardware: [{ name: 'a laptop', members: 2 }],
    })
  })

  const nothing: [what: string, step: (all: Scene) => unknown][] = [
    ['by the uploader', (all) => attest(all, all.alice)],
    ['of other bytes', (all) => attest(all, all.tess, { sha256: digest(77) })],
    [
      'that was withdrawn',
      (all) => {
        attest(all, all.tess)
        says(all, 'attestation_withdrawn', { kind: 'checksum' }, all.tess)
      },
    ],
  ]
  for (const [what, step] of nothing)
    it(`${what} counts for nothing`, () => {
      const all = scene()
      step(all)
      assert.equal(community(all).attestations.members, 0)
    })

  it('moves no badge', () => {
    const all = scene()
    const before = all.record.listing(all.listing)
    attest(all, all.tess)
    const after = all.record.listing(all.listing)
    assert.deepEqual(
      [after.tier, after.consensus, after.status],
      [before.tier, before.consensus, before.status],
    )
  })
})

describe('a comment', () => {
  it('stands under the first comment that it answers', () => {
    const all = scene()
    const first = write(all, all.tess)
    const reply = write(all, all.alice, first)
    const deeper = write(all, all.tess, reply)
    const lost = write(all, all.tess, 1)
    assert.deepEqual(
      comments(all).map(({ seq, reply_to }) => [seq, reply_to]),
      [
        [first, null],
        [reply, first],
        [deeper, first],
        [lost, null],
      ],
    )
  })

  it('is edited and withdrawn by its author alone', () => {
    const all = scene()
    const comment = write(all, all.tess)
    says(all, 'comment_edited', { comment, text: digest(40) }, all.alice)
    says(all, 'comment_withdrawn', { comment }, all.mona)
    assert.deepEqual(comments(all)[0]?.text, digest(9))
    says(all, 'comment_edited', { comment, text: digest(41) }, all.tess)
    assert.equal(comments(all)[0]?.text, digest(41))
    assert.notEqual(comments(all)[0]?.edited_at, null)
    says(all, 'comment_withdrawn', { comment }, all.tess)
    says(all, 'comment_edited', { comment, text: digest(42) }, all.tess)
    const [shown] = comments(all)
    assert.deepEqual([shown?.state, shown?.text], ['withdrawn', null])
  })

  it('is hidden by moderators alone, and shown again', () => {
    const all = scene()
    const comment = write(all, all.tess)
    const hide = (by: string, hidden: boolean, authority: Authority) =>
      says(all, 'comment_hidden', { comment, hidden }, by, authority)
    hide(all.vera, true, { as: 'role', role: 'verifier', site_seq: 1 })
    hide(all.tess, true, { as: 'self' })
    assert.equal(comments(all)[0]?.state, 'shown')
    hide(all.mona, true, all.record.as('moderator'))
    assert.equal(comments(all)[0]?.state, 'hidden')
    hide(all.mike, false, all.record.as('moderator'))
    assert.equal(comments(all)[0]?.state, 'shown')
  })
})

describe('a rating', () => {
  it('is withdrawn by who gave it', () => {
    const all = scene()
    all.record.rate(all.listing, all.tess, 5)
    says(all, 'rating_withdrawn', {}, all.vera)
    assert.equal(community(all).ratings, 1)
    says(all, 'rating_withdrawn', {}, all.tess)
    assert.equal(community(all).ratings, 0)
  })
})
