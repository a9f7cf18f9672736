import type { VerificationRecorded } from './events.ts'
import { isPlain } from './fields.ts'
import type { Sha256 } from './ids.ts'
import { primaryFile } from './files.ts'
import type { VerificationReport } from './report.ts'

/** A hostile file's own words may be among a verifier's: hidden characters in them are shown, not obeyed. */
function plain<Text extends string | null>(text: Text): Text {
  return (
    text === null ? null : Array.from(text, (char) => (isPlain(char) ? char : '\ufffd')).join('')
  ) as Text
}

/** What the ledger keeps of a report that is stored under `reportSha256`. */
export function recordOf(report: VerificationReport, reportSha256: Sha256): VerificationRecorded {
  const { integrity, form, behaviour } = report.judges
  const main = primaryFile(report.files)
  const quantisation = report.inspection?.quantisation ?? null
  return {
    report: reportSha256,
    judges: { integrity: integrity.verdict, form: form.verdict, behaviour: behaviour.verdict },
    summary: {
      integrity: plain(integrity.summary),
      form: plain(form.summary),
      behaviour: plain(behaviour.summary),
    },
    sha256: main?.sha256 ?? null,
    size_bytes: main?.size_bytes ?? null,
    quantisation: quantisation && {
      claimed: quantisation.claimed,
      proven: quantisation.proven,
      match: quantisation.match,
      matched: quantisation.matched,
      total: quantisation.total,
      bits_per_weight_milli: Math.round(quantisation.bits_per_weight * 1_000),
    },
    architecture: plain(report.inspection?.architecture ?? null),
    parameters: report.inspection?.parameters ?? null,
    templates: report.inspection?.templates ?? null,
    signature: report.signature && {
      state: report.signature.state,
      fingerprint: report.signature.fingerprint,
    },
    publisher: report.publisher ? { ...report.publisher, reason: plain(report.publisher.reason) } : null,
    recommendation: { ...report.recommendation, reasons: report.recommendation.reasons.map(plain) },
  }
}
