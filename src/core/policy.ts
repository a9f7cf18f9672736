import { z } from 'zod'

const count = z.int().min(0).max(1_000_000)

/** The thresholds that the rules of docs/trust.md name; a site's policy is an event in its own stream. */
export const Policy = z.strictObject({
  version: z.int().min(1),
  community: z.strictObject({
    /** Published listings in good standing. */
    published: count,
    /** Lowest mean rating over all of the member's listings, in hundredths of a star; ratings are asked for only where there are any. */
    rating_centi: z.int().min(100).max(500),
    /** Days without an upheld report. */
    clean_days: count,
  }),
  trusted: z.strictObject({
    published: count,
    rating_centi: z.int().min(100).max(500),
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
  }),
})
export type Policy = z.infer<typeof Policy>

/** The first policy of a new site: the mission's own numbers. */
export const DEFAULT_POLICY: Policy = {
  version: 1,
  community: { published: 5, rating_centi: 300, clean_days: 180 },
  trusted: { published: 20, rating_centi: 400, acceptance_percent: 90, endorsements: 3 },
  reports: { suspend_at: 3, account_age_days: 7 },
}
