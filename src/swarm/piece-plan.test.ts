import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BLOCK_BYTES, PiecePlan, type BlockRequest } from './piece-plan.ts'
import { RateLimit } from './rate-limit.ts'

const PIECE = 4 * BLOCK_BYTES
const all = () => true

/** A plan over five pieces, the last of one block and a bit, with memory for so many. */
function planOf(memory: number, wanted = [0, 1, 2, 3, 4]) {
  let free = memory
  const plan = new PiecePlan<string>({
    layout: {
      infoHash: '',
      pieceLength: PIECE,
      totalBytes: 4 * PIECE + BLOCK_BYTES + 5,
      files: [],
      single: true,
    },
    wanted,
    takeMemory: () => (free > 0 && free-- ? new Uint8Array(PIECE) : undefined),
  })
  return { plan, give: () => free++ }
}

function named(request: BlockRequest<string> | undefined): string {
  return request ? `${request.piece.index}.${request.block}` : '-'
}

function take(plan: PiecePlan<string>, source: string, count: number): string[] {
  return Array.from({ length: count }, () => named(plan.next(source, all)))
}

describe('when blocks are asked for', () => {
  it('gives each source a piece of its own, in order, with the last one short', () => {
    const { plan } = planOf(5)
    assert.deepEqual(take(plan, 'a', 5), ['0.0', '0.1', '0.2', '0.3', '1.0'])
    assert.deepEqual(take(plan, 'b', 2), ['2.0', '2.1'])
    assert.deepEqual(take(plan, 'a', 3), ['1.1', '1.2', '1.3'])
    const last = take(plan, 'c', 4).length
    assert.equal(last, 4)
    assert.deepEqual(
      plan.nextRange('d', PIECE).map(({ length, start }) => [length, start - 4 * PIECE]),
      [
        [BLOCK_BYTES, 0],
        [5, BLOCK_BYTES],
      ],
    )
  })

  it('asks only for what is wanted and what the source has', () => {
    const { plan } = planOf(5, [1, 3])
    assert.equal(named(plan.next('a', (index) => index === 3)), '3.0')
    assert.equal(named(plan.next('a', (index) => index !== 3 && index !== 1)), '3.1')
    assert.equal(
      plan.someMissing((index) => index === 0),
      false,
    )
    assert.equal(
      plan.someMissing((index) => index === 1),
      true,
    )
    assert.equal(plan.left, 2)
  })

  it('takes the rarest where the order matters', () => {
    const { plan } = planOf(5)
    assert.equal(named(plan.next('a', all, (index) => (index === 3 ? 1 : 2))), '3.0')
  })

  it('lets others help while memory is short, then asks twice, never three times or the same source', () => {
    const { plan, give } = planOf(1)
    assert.deepEqual(take(plan, 'a', 2), ['0.0', '0.1'])
    assert.deepEqual(take(plan, 'b', 4), ['0.2', '0.3', '0.0', '0.1'])
    assert.deepEqual(take(plan, 'c', 3), ['0.2', '0.3', '-'])
    assert.deepEqual(take(plan, 'a', 1), ['-'])
    give()
    assert.deepEqual(take(plan, 'a', 1), ['1.0'])
  })

  it('asks again for what was lost, failed or given up', () => {
    const { plan, give } = planOf(1)
    const first = plan.next('a', all)
    take(plan, 'a', 3)
    assert.ok(first)
    plan.lost(first, 'b')
    assert.deepEqual(take(plan, 'a', 1), ['-'])
    plan.lost(first, 'a')
    assert.deepEqual(take(plan, 'b', 1), ['0.0'])
    plan.failed(0)
    assert.equal(plan.isOpen(first.piece), false)
    assert.deepEqual(take(plan, 'b', 1), ['-'])
    give()
    assert.deepEqual(take(plan, 'b', 1), ['0.0'])
    assert.equal(plan.left, 5)
  })

  it('gives whole pieces up to a size as a range, then what is left of an open one', () => {
    const { plan } = planOf(3)
    const range = plan.nextRange('web', 2 * PIECE)
    assert.deepEqual([named(range[0]), named(range.at(-1)), range.length], ['0.0', '1.3', 8])
    const block = plan.next('peer', all)
    assert.equal(named(block), '2.0')
    assert.deepEqual(plan.nextRange('web', 2 * PIECE).map(named), ['2.1', '2.2', '2.3'])
    // Nothing is left but what the peer was asked for.
    assert.deepEqual(plan.nextRange('web', 2 * PIECE).map(named), ['2.0'])
    assert.deepEqual(plan.nextRange('web', 2 * PIECE), [])
    for (const request of range) plan.lost(request, 'web')
    assert.deepEqual(
      plan
        .nextRange('web', 2 * PIECE)
        .map(named)
        .slice(0, 2),
      ['0.0', '0.1'],
    )
  })
})

describe('when a range broke off', () => {
  it('asks for what it left together again, up to a size, and begins where it broke off', () => {
    const { plan } = planOf(3)
    const range = plan.nextRange('web', 3 * PIECE)
    assert.equal(range.length, 12)
    for (const request of range.slice(0, 2)) plan.got(request, 'web')
    for (const request of range.slice(2)) plan.lost(request, 'web')
    assert.deepEqual(plan.nextRange('web', 2 * PIECE).map(named), [
      '0.2',
      '0.3',
      '1.0',
      '1.1',
      '1.2',
      '1.3',
      '2.0',
      '2.1',
      '2.2',
      '2.3',
    ])
    assert.deepEqual(plan.nextRange('web', 2 * PIECE), [])
  })

  it('stops where somebody else was asked', () => {
    const { plan } = planOf(2)
    for (const request of plan.nextRange('web', 2 * PIECE)) plan.lost(request, 'web')
    plan.forget('web')
    const taken = plan.nextRange('other', 1)
    assert.deepEqual(taken.map(named), ['0.0', '0.1', '0.2', '0.3'])
    assert.deepEqual(plan.nextRange('web', 2 * PIECE).map(named), ['1.0', '1.1', '1.2', '1.3'])
  })
})

describe('when blocks come', () => {
  it('keeps the first whole answer, and tells who else was asked', () => {
    const { plan } = planOf(1)
    const [one, two] = [plan.next('a', all), plan.next('a', all)]
    assert.ok(one && two)
    take(plan, 'a', 2)
    assert.equal(named(plan.next('b', all)), '0.0')
    put(plan, one, 7, 'b')
    assert.deepEqual(plan.got(one, 'b'), { fresh: true, others: ['a'] })
    // Late: the piece may be being hashed by now.
    put(plan, one, 9, 'a')
    assert.deepEqual(plan.got(one, 'a'), { fresh: false, others: [] })
    assert.equal(one.piece.bytes[0], 7)
    assert.deepEqual([...one.piece.senders], ['b'])
    assert.equal(one.piece.missing, 3)
    assert.equal(plan.openBytes, BLOCK_BYTES)
    plan.lost(one, 'a')
    assert.equal(one.piece.unasked, 0)
  })

  it('puts nothing into a piece that is no longer open', () => {
    const { plan, give } = planOf(1)
    const request = plan.next('a', all)
    assert.ok(request)
    plan.failed(0)
    give()
    put(plan, request, 7, 'a')
    assert.deepEqual(plan.got(request, 'a'), { fresh: false, others: [] })
    assert.equal(request.piece.bytes[0], 0)
  })

  it('names whoever sent a part, also where another finished the block', () => {
    const { plan } = planOf(1)
    const request = plan.next('a', all)
    assert.ok(request)
    plan.put(request, Uint8Array.of(1, 2), { at: 3, sender: 'a' })
    put(plan, request, 7, 'b')
    plan.got(request, 'b')
    assert.deepEqual([...request.piece.senders], ['a', 'b'])
  })

  it('counts down to nothing', () => {
    const { plan } = planOf(5)
    for (const index of [0, 1, 2, 3, 4]) {
      assert.equal(plan.isMissing(index), true)
      plan.done(index)
      assert.equal(plan.isMissing(index), false)
    }
    assert.equal(plan.left, 0)
    assert.equal(plan.next('a', all), undefined)
    assert.deepEqual(plan.nextRange('a', PIECE), [])
  })
})

describe('when a rate is limited', () => {
  it('lets a second of bytes go and then says how long to wait; without a limit never', () => {
    const limit = new RateLimit(1_000)
    assert.equal(limit.take(1_000), 0)
    const wait = limit.take(500)
    assert.ok(wait > 400 && wait <= 500, String(wait))
    assert.equal(new RateLimit(null).take(1e15), 0)
  })

  it('lets go in the end what is more than a second of it', async () => {
    const started = performance.now()
    const limit = new RateLimit(10_000)
    await limit.wait(10_500, AbortSignal.timeout(5_000))
    const took = performance.now() - started
    assert.ok(took >= 45 && took < 2_000, String(took))
  })
})

function put(plan: PiecePlan<string>, request: BlockRequest<string>, value: number, sender: string): void {
  plan.put(request, new Uint8Array(request.length).fill(value), { at: 0, sender })
}
