/** A listing with the people around it, and the steps that tests of its status are told in. */
import type { Decision } from '../src/core/community-events.ts'
import type { Authority } from '../src/core/events.ts'
import type { TestRecord } from './record.ts'
import { FAIL, newRecord, PASS } from './record.ts'

/** A listing of alice; vera and victor verify, mona and mike moderate, tess reviews as a Trusted member. */
export interface Scene {
  record: TestRecord
  listing: string
  alice: string
  tess: string
  vera: string
  victor: string
  mona: string
  mike: string
}

/** By what right a Trusted member reviews. */
export const T10: Authority = { as: 'rule', rule: 'T10' }

/** A new listing that nobody has looked at. */
export function scene(): Scene {
  const record = newRecord()
  const [alice, tess, vera, victor, mona, mike] = [
    record.join('alice'),
    record.join('tess'),
    record.join('vera'),
    record.join('victor'),
    record.join('mona'),
    record.join('mike'),
  ]
  record.grant(vera, 'verifier')
  record.grant(victor, 'verifier')
  record.grant(mona, 'moderator')
  record.grant(mike, 'moderator')
  return { record, listing: record.submit(alice), alice, tess, vera, victor, mona, mike }
}

export const moderator =
  (decision: Decision) =>
  ({ record, listing, mona }: Scene) =>
    record.review(listing, mona, decision)
export const trusted =
  (decision: Decision) =>
  ({ record, listing, tess }: Scene) =>
    record.review(listing, tess, decision, { authority: T10 })
export const byVerifier =
  (decision: Decision) =>
  ({ record, listing, vera }: Scene) =>
    record.review(listing, vera, decision, { authority: record.as('verifier') })
export const verified = ({ record, listing, vera }: Scene) => record.verify(listing, vera, PASS)
export const refused = ({ record, listing, vera }: Scene) => record.verify(listing, vera, FAIL)
export const disagreed = ({ record, listing, victor }: Scene) => record.verify(listing, victor, FAIL)
export const publishedByRule = ({ record, listing }: Scene) => record.publish(listing)
export const withdrawn = ({ record, listing, alice }: Scene) => record.withdraw(listing, alice)
export const reports =
  (...reporters: number[]) =>
  ({ record, listing }: Scene) => {
    for (const reporter of reporters) record.report(listing, reporter)
  }
export const uncounted =
  (...reporters: number[]) =>
  ({ record, listing }: Scene) => {
    for (const reporter of reporters) record.report(listing, reporter, { counts: false })
  }
export const decided =
  (upheld: boolean) =>
  ({ record, listing, mona }: Scene) =>
    record.decideReports(listing, mona, upheld)

/** A moderator's authority at that place of the site's stream. */
export const held = (seq: number): Authority => ({ as: 'role', role: 'moderator', site_seq: seq })

/** One thing that happens to a listing. */
export type Step = (scene: Scene) => unknown
