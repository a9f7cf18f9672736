import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newRecord, PASS } from '../../test/record.ts'
import type { StoredEvent } from './events.ts'
import { CURRENT_VERSION } from './events.ts'
import { lift, parseEvent } from './lift.ts'

function rated(v: number, type = 'rated'): StoredEvent {
  const record = newRecord()
  const listing = record.submit(record.join('alice'))
  return { ...record.rate(listing, record.join('bob'), 4), v, type }
}

const wrong = () => ({ stars: 1, works: null })

describe('lift', () => {
  it('leaves an event of today as it is', () => {
    const event = rated(CURRENT_VERSION)
    assert.equal(lift(event), event)
  })

  it('brings old data to the newest shape, step by step, without touching the stored event', () => {
    const stored = rated(CURRENT_VERSION - 2)
    const before = structuredClone(stored)
    const lifted = lift(stored, {
      rated: {
        [CURRENT_VERSION - 2]: (data) => ({ ...data, points: Number(data['stars']) * 10 }),
        [CURRENT_VERSION - 1]: (data) => ({ stars: Number(data['points']) / 20, works: true }),
      },
    })
    assert.deepEqual(lifted?.data, { stars: 2, works: true })
    assert.equal(lifted?.v, CURRENT_VERSION)
    assert.equal(lifted?.id, stored.id)
    assert.deepEqual(stored, before)
  })

  it('does not lift by a lifter of another type or version', () => {
    const old = rated(CURRENT_VERSION - 1)
    assert.deepEqual(lift(old, { commented: { [CURRENT_VERSION - 1]: wrong } })?.data, old.data)
    assert.deepEqual(lift(old, { rated: { [CURRENT_VERSION]: wrong } })?.data, old.data)
  })

  it('says of a verification of version 1 that nobody looked at the templates', () => {
    const record = newRecord()
    const listing = record.submit(record.join('alice'))
    const { templates: _, publisher, ...data } = record.verify(listing, record.join('vera'), PASS).data
    const stored = { ...rated(1), type: 'verification_recorded', data }
    assert.deepEqual(lift(stored)?.data, { ...data, templates: null, publisher })
    assert.deepEqual(parseEvent(stored), stored)
  })

  it('says of a verification of version 2 that no publisher was asked', () => {
    const record = newRecord()
    const listing = record.submit(record.join('alice'))
    const { publisher: _, ...data } = record.verify(listing, record.join('vera'), PASS).data
    const stored = { ...rated(2), type: 'verification_recorded', data }
    assert.deepEqual(lift(stored)?.data, { ...data, publisher: null })
    assert.deepEqual(parseEvent(stored), stored)
  })

  for (const v of [1, 2])
    it(`says of a submission of version ${v} that its source names no file`, () => {
      const record = newRecord()
      record.submit(record.join('alice'))
      const event = record.events.at(-1)
      assert.ok(event)
      const { path: _, ...source } = event.data['source'] as Record<string, unknown>
      const stored = { ...event, v, data: { ...event.data, source } }
      assert.deepEqual(lift(stored)?.data, { ...event.data, source: { ...source, path: null } })
      assert.deepEqual(parseEvent(stored), stored)
    })

  const unknown: [what: string, event: StoredEvent][] = [
    ['a newer version', rated(CURRENT_VERSION + 1)],
    ['an unknown type', rated(CURRENT_VERSION, 'rated_in_colour')],
    ['a type of another kind of stream', rated(CURRENT_VERSION, 'policy_set')],
    ['a name that every object has', rated(CURRENT_VERSION, 'constructor')],
  ]
  for (const [what, event] of unknown) it(`does not know ${what}`, () => assert.equal(lift(event), null))
})
