import { z } from 'zod'
import { line, TextRef } from './fields.ts'
import { ListingId, Sha256 } from './ids.ts'

export const ReportCategory = z.enum([
  'malware',
  'wrong_quantisation',
  'corrupted_file',
  'misleading_description',
  'copyright',
])
export type ReportCategory = z.infer<typeof ReportCategory>

export const Decision = z.enum(['approve', 'reject', 'restore', 'remove'])
export type Decision = z.infer<typeof Decision>

/** What a member can attest after a check of their own: that the bytes match, or that the model runs. */
export const AttestationKind = z.enum(['checksum', 'works'])
export type AttestationKind = z.infer<typeof AttestationKind>

/** The position of an earlier event in the same stream: which comment, report or review is meant. */
const position = z.int().min(1)

/** What members say of a listing, in its stream. */
export const COMMUNITY_EVENTS = {
  rated: z.strictObject({ stars: z.int().min(1).max(5), works: z.boolean().nullable() }),
  rating_withdrawn: z.strictObject({}),
  /** A reply names the comment it answers; one to a reply stands under the same first comment. */
  commented: z.strictObject({ text: TextRef, reply_to: position.nullable() }),
  comment_edited: z.strictObject({ comment: position, text: TextRef }),
  comment_withdrawn: z.strictObject({ comment: position }),
  /** The digest is of the file that the member checked, so that it counts for these bytes only. */
  attested: z.strictObject({ kind: AttestationKind, sha256: Sha256, hardware: line(120).nullable() }),
  attestation_withdrawn: z.strictObject({ kind: AttestationKind }),
  /** The reporter is HMAC(site secret, listing ‖ member): counted as a person, not named. */
  reported: z.strictObject({
    category: ReportCategory,
    reporter: Sha256,
    counts: z.boolean(),
    text: TextRef,
    /** What the reporter's own file came to: asks for a new verification at once (T12). */
    evidence: z.strictObject({ sha256: Sha256, size_bytes: z.int().min(0) }).nullable(),
  }),
  /** By the uploader, against the decision that stands. */
  appealed: z.strictObject({ text: TextRef }),
  /** The newer listing that takes this one's place; null takes that back. */
  superseded: z.strictObject({ by: ListingId.nullable() }),
  verification_requested: z.strictObject({ reason: z.enum(['on_demand', 'rules_changed']) }),
} as const

/** What moderators, and the site by rule, do to a listing and to what was said of it. */
export const MODERATION_EVENTS = {
  review_decided: z.strictObject({ decision: Decision, reason: TextRef.nullable() }),
  /** Takes one review back, as if it had not been made. */
  decision_undone: z.strictObject({ review: position }),
  /** `reports` names those that are decided; null decides all that are open. */
  reports_decided: z.strictObject({
    upheld: z.boolean(),
    reports: z.array(position).min(1).max(1_000).nullable(),
    reason: TextRef.nullable(),
  }),
  /** Set by rule where a reporter is banned or no longer so: only the site can tell whose report it is. */
  report_counted: z.strictObject({ report: position, counts: z.boolean() }),
  comment_hidden: z.strictObject({ comment: position, hidden: z.boolean() }),
  /** That a text beside the ledger was erased: what remains of it is its name (T15). */
  text_erased: z.strictObject({ text: TextRef }),
  /** Answers the open appeal without another decision. */
  appeal_dismissed: z.strictObject({ reason: TextRef.nullable() }),
} as const
