import { z } from '@hono/zod-openapi'
import { Decision } from '../../core/community-events.ts'

/** Query of `GET /api/models`. */
export const ModelsQuery = z.object({
  q: z.string().max(200, 'expected at most 200 characters').default(''),
  tag: z.string().max(32).optional(),
  quant: z.string().max(24).optional(),
  tier: z.enum(['unverified', 'community', 'trusted', 'official']).optional(),
  sort: z.enum(['new', 'seeders', 'downloads', 'name', 'size', 'rating']).default('new'),
  page: z.coerce.number().int().min(1).max(100_000).default(1),
  status: z
    .enum(['published', 'pending', 'rejected', 'suspended', 'removed', 'withdrawn', 'all'])
    .default('published'),
})

export const PageQuery = z.object({ page: ModelsQuery.shape.page })

export const CommentsQuery = PageQuery.extend({
  /** The first comment of the one thread that is wanted. */
  thread: z.coerce.number().int().min(1).optional(),
})

export const ReviewBody = z.strictObject({
  decision: Decision,
  reason: z.string().max(4_000, 'expected at most 4000 characters').default(''),
  seen_seq: z.coerce.number().int().min(1).optional(),
})

export const RatingBody = z.strictObject({
  stars: z.coerce.number('expected 1 to 5 stars').int().min(1).max(5),
  works: z
    .preprocess(
      (value) =>
        value === 'on' || value === 'true'
          ? true
          : value === 'false'
            ? false
            : value === ''
              ? undefined
              : value,
      z.boolean().optional(),
    )
    .optional(),
})

export const ClaimBody = z.strictObject({
  /** Present: a heartbeat for that listing. Absent: a claim of the next job. */
  listing: z.string().max(40).optional(),
  /** Gives the claim back without a verdict. */
  release: z.boolean().default(false),
  /** Listings that the verifier does not want now, because it gave them back a moment ago. */
  except: z.array(z.string().max(40)).max(1_000).default([]),
  /** Listings that gave no verdict before: taken only where nothing else waits. */
  last: z.array(z.string().max(40)).max(1_000).default([]),
  step: z.string().max(80).default(''),
  fraction: z.number().min(0).max(1).default(0),
})

/** Problem documents, as OpenAPI describes them. */
export const ProblemDocument = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    field: z.string().optional(),
    expected: z.string().optional(),
  })
  .openapi('Problem')
