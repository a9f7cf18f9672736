import type { Check, Judge, Recommendation, VerificationReport } from '../core/report.ts'

/**
 * What checks amount to (T8): fail if any failed; pass only if each required
 * check was made and passed everywhere; else skipped, with the reason.
 */
export function judgeOf(checks: Check[], required: readonly [string, ...string[]], passed: string): Judge {
  const failed = checks.find(({ verdict }) => verdict === 'fail')
  if (failed) return { verdict: 'fail', summary: short(failed.message), checks }
  for (const id of required) {
    const made = checks.filter((check) => check.id === id)
    const open = made.find(({ verdict }) => verdict !== 'pass')
    if (made.length === 0) return { verdict: 'skipped', summary: `Nothing was checked: no ${id}`, checks }
    if (open) return { verdict: 'skipped', summary: short(open.message), checks }
  }
  return { verdict: 'pass', summary: short(passed), checks }
}

/** A judge that could not sit, and why. */
export function skippedJudge(reason: string): Judge {
  return { verdict: 'skipped', summary: short(reason), checks: [] }
}

/** What a moderator is told: approve only what every judge passed and whose template can be vouched for, reject what any failed. */
export function recommend({ judges }: Pick<VerificationReport, 'judges'>): Recommendation {
  const named = Object.entries(judges)
  const failed = named.filter(([, judge]) => judge.verdict === 'fail')
  if (failed.length > 0) return { decision: 'reject', reasons: failed.flatMap(reasonsOf).slice(0, 20) }
  const open = named.filter(([, judge]) => judge.verdict !== 'pass')
  if (open.length > 0)
    return {
      decision: 'review',
      reasons: open.map(([name, { verdict, summary }]) => `${name} ${verdict}: ${summary}`),
    }
  const unread = judges.form.checks.filter(({ id, verdict }) => id === 'template' && verdict === 'skipped')
  if (unread.length > 0)
    return {
      decision: 'review',
      reasons: unread.map(({ message }) => `form: ${message}`.slice(0, 500)).slice(0, 20),
    }
  return { decision: 'approve', reasons: named.map(([name, { summary }]) => `${name}: ${summary}`) }
}

function reasonsOf([name, { checks }]: [string, VerificationReport['judges']['form']]): string[] {
  return checks
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ message }) => `${name}: ${message}`.slice(0, 500))
}

function short(sentence: string): string {
  return sentence.length <= 300 ? sentence : `${sentence.slice(0, 299)}…`
}
