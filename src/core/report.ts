import { z } from 'zod'
import { FileRole, JudgeVerdict, PublisherRecorded, TemplateRecorded } from './events.ts'
import { Fingerprint, InfoHash, InfoHashV2, ListingId, Md5, Sha256 } from './ids.ts'

const text = (max: number) => z.string().max(max)

/** One question to the files, with the answer and what it rests on. */
export const Check = z.strictObject({
  id: z.string().regex(/^[a-z0-9_]{1,40}$/),
  verdict: z.enum(['pass', 'fail', 'skipped']),
  /** One sentence for people; for a skipped check, why. */
  message: text(500),
  /** The file it is about, where there are several. */
  path: text(1_024).optional(),
  expected: text(500).optional(),
  found: text(500).optional(),
  figures: z.record(z.string().max(40), z.union([z.number(), text(500)])).optional(),
})
export type Check = z.infer<typeof Check>

/** One of the three chambers. */
export const Judge = z.strictObject({
  verdict: JudgeVerdict,
  /** What decided, in one sentence. */
  summary: text(300),
  checks: z.array(Check).max(10_000),
})
export type Judge = z.infer<typeof Judge>

/** A file as it was found on the verifier's disk. */
export const VerifiedFile = z.strictObject({
  path: text(1_024),
  role: FileRole,
  size_bytes: z.int().min(0),
  sha256: Sha256,
  md5: Md5,
  /** Null for an empty file. */
  pieces_root: Sha256.nullable(),
})
export type VerifiedFile = z.infer<typeof VerifiedFile>

export const SignatureReport = z.strictObject({
  state: z.enum(['good', 'bad', 'expired', 'unknown_key', 'weak']),
  fingerprint: Fingerprint.nullable(),
  signed_at: z.iso.datetime().nullable(),
  message: text(500),
  /** The file it was checked over. */
  path: text(1_024),
})

export type SignatureReport = z.infer<typeof SignatureReport>

/** What a model takes to run, as computed from its header: bytes, with all of it in one memory. */
export const MemoryReport = z.strictObject({
  weights_bytes: z.int().min(0),
  /** Of them, what is only looked up and may stay in main memory beside a GPU. */
  lookup_bytes: z.int().min(0),
  contexts: z
    .array(
      z.strictObject({
        context: z.int().min(1),
        cache_bytes: z.int().min(0),
        cache_q8_0_bytes: z.int().min(0).nullable(),
        compute_bytes: z.int().min(0),
        total_bytes: z.int().min(0),
      }),
    )
    .max(10),
  /** Why there are no contexts; null where there are. */
  unknown: text(300).nullable(),
})
export type MemoryReport = z.infer<typeof MemoryReport>

/** What the strict parser found in the model, summed up. */
export const InspectionReport = z.strictObject({
  path: text(1_024),
  verdict: z.enum(['accept', 'warn', 'mislabelled', 'reject']),
  kind: text(40).nullable(),
  architecture: text(64).nullable(),
  parameters: z.int().min(0).nullable(),
  tensors: z.int().min(0),
  shards: z.int().min(1),
  quantisation: z
    .strictObject({
      claimed: text(40).nullable(),
      proven: z.array(text(40)).max(8),
      match: z.enum(['exact', 'variant', 'mislabelled', 'unknown']),
      matched: z.int().min(0),
      total: z.int().min(0),
      bits_per_weight: z.number().min(0),
      tensor_types: z.record(text(20), z.int().min(0)),
      reason: text(500),
    })
    .nullable(),
  /** The chat templates with their hashes; reports of older verifiers do not say. */
  templates: z.array(TemplateRecorded).max(8).nullable().optional(),
  /** Reports of older verifiers do not say. */
  memory: MemoryReport.nullable().optional(),
  /** At most 50; the file itself gives the rest. */
  findings: z
    .array(
      z.strictObject({
        code: text(80),
        severity: z.enum(['info', 'warn', 'mislabelled', 'reject']),
        message: text(500),
      }),
    )
    .max(50),
})
export type InspectionReport = z.infer<typeof InspectionReport>

export const Recommendation = z.strictObject({
  decision: z.enum(['approve', 'reject', 'review']),
  reasons: z.array(text(500)).min(1).max(20),
})
export type Recommendation = z.infer<typeof Recommendation>

/**
 * The whole of a verification, as it is stored and published: who looked with
 * what, at which bytes, and what each judge says for which reasons. Its SHA-256
 * stands in the ledger.
 */
export const VerificationReport = z.strictObject({
  v: z.literal(1),
  type: z.literal('verification_report'),
  listing: ListingId,
  torrent: z.strictObject({ info_hash: InfoHash.nullable(), info_hash_v2: InfoHashV2.nullable() }),
  verifier: z.strictObject({
    name: text(80),
    software: z.strictObject({ qal: text(40), node: text(40), llama_cpp: text(80).nullable() }),
    hardware: z.strictObject({ cpu: text(200), cores: z.int().min(1), memory_bytes: z.int().min(0) }),
  }),
  started_at: z.iso.datetime(),
  finished_at: z.iso.datetime(),
  fetch: z.strictObject({
    bytes: z.int().min(0),
    seconds: z.number().min(0),
    /** Bytes by where they came from, such as `peers` and `web_seeds`. */
    bytes_from: z.record(text(200), z.int().min(0)),
    peers_seen: z.int().min(0).nullable(),
  }),
  files: z.array(VerifiedFile).max(2_000),
  judges: z.strictObject({ integrity: Judge, form: Judge, behaviour: Judge }),
  signature: SignatureReport.nullable(),
  /** What the publisher's own hub said; reports of older verifiers do not say. */
  publisher: PublisherRecorded.nullable().optional(),
  inspection: InspectionReport.nullable(),
  recommendation: Recommendation,
})
export type VerificationReport = z.infer<typeof VerificationReport>
