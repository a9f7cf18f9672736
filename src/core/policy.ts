import { z } from 'zod'
import { Handle } from './ids.ts'

const count = z.int().min(0).max(1_000_000)
/** Hundredths of a star. */
const centi = z.int().min(100).max(500)

/** The thresholds that the rules of docs/trust.md name; a site's policy is an event in its own stream. */
export const Policy = z.strictObject({
  version: z.int().min(1),
  community: z.strictObject({
    /** Published listings in good standing. */
    published: count,
    /** Lowest mean rating over all of the member's listings; ratings are asked for only where there are any. */
    rating_centi: centi,
    /** Days without an upheld report. */
    clean_days: count,
  }),
  trusted: z.strictObject({
    published: count,
    rating_centi: centi,
    /** Of all decided submissions, how many hundredths were published. */
    acceptance_percent: z.int().min(0).max(100),
    /** Distinct endorsing Trusted or Official members; admins count. */
    endorsements: count,
  }),
  reports: z.strictObject({
    /** Open reports by distinct members that hide a listing. */
    suspend_at: z.int().min(1).max(100),
    /** Age that an account needs before its reports count, in days. */
    account_age_days: count,
    /** For so many days after one of their reports was dismissed, a member's reports do not count. */
    dismissed_days: count,
  }),
  ratings: z.strictObject({
    /** So many ratings of `prior_centi` are added to every listing's own before listings are ranked by them. */
    prior_votes: count,
    prior_centi: centi,
  }),
  comments: z.strictObject({
    /** For so many minutes its author may change a comment. */
    edit_minutes: count,
  }),
  /** Handles that only the operator gives: of model makers and of the site's own team. */
  reserved_handles: z.array(Handle).max(1_000),
})
export type Policy = z.infer<typeof Policy>

/** Model makers, and names that speak for a site. */
const RESERVED =
  'admin administrator moderator official qal qalarc qalarc_official root security staff support system verifier ' +
  '01-ai ai21labs allenai anthropic apple baai bigcode bigscience cohere deepseek deepseek-ai eleutherai facebook ' +
  'google huggingface ibm-granite meta meta-llama microsoft mistral mistralai moonshotai nousresearch nvidia openai ' +
  'qwen salesforce stabilityai tencent tiiuae unsloth xai-org zai-org'

/** The first policy of a new site: the mission's own numbers. */
export const DEFAULT_POLICY: Policy = {
  version: 1,
  community: { published: 5, rating_centi: 300, clean_days: 180 },
  trusted: { published: 20, rating_centi: 400, acceptance_percent: 90, endorsements: 3 },
  reports: { suspend_at: 3, account_age_days: 7, dismissed_days: 90 },
  ratings: { prior_votes: 5, prior_centi: 300 },
  comments: { edit_minutes: 30 },
  reserved_handles: RESERVED.split(' ').map((handle) => Handle.parse(handle)),
}
