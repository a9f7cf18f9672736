import type { ReportCategory } from '../../core/community-events.ts'
import type { JudgeVerdict, Judges, SourceType } from '../../core/events.ts'
import type {
  Consensus,
  ListingView,
  SignatureView,
  Status,
  Tier,
  VerificationView,
} from '../../core/views.ts'

/** What a state means for the reader; each has a colour and a symbol, and always a word beside them. */
export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'quiet'

export interface Word {
  text: string
  tone: Tone
}

export const TIER_WORDS: Record<Tier, string> = {
  official: 'Official',
  trusted: 'Trusted',
  community: 'Community',
  unverified: 'Unverified',
}

export const SOURCE_WORDS: Record<SourceType, string> = {
  official_huggingface: 'Official Hugging Face',
  community_quant: 'Community quant',
  qalarc_verified: 'Qalarc verified',
  user_upload: 'User upload',
}

export const REPORT_WORDS: Record<ReportCategory, string> = {
  malware: 'Malware detected',
  wrong_quantisation: 'Wrong quantisation',
  corrupted_file: 'Corrupted file',
  misleading_description: 'Misleading description',
  copyright: 'Copyright violation',
}

export const STATUS_WORDS: Record<Status, Word> = {
  published: { text: 'Published', tone: 'ok' },
  pending: { text: 'Waits for review', tone: 'warn' },
  rejected: { text: 'Rejected', tone: 'bad' },
  suspended: { text: 'Suspended', tone: 'bad' },
  removed: { text: 'Removed', tone: 'bad' },
  withdrawn: { text: 'Withdrawn', tone: 'quiet' },
}

export const VERDICT_WORDS: Record<JudgeVerdict, Word> = {
  pass: { text: 'Passed', tone: 'ok' },
  fail: { text: 'Failed', tone: 'bad' },
  skipped: { text: 'Skipped', tone: 'quiet' },
  pending: { text: 'Pending', tone: 'warn' },
}

export const CONSENSUS_TONES: Record<Consensus, Tone> = {
  VERIFIED: 'ok',
  REFUSED: 'bad',
  SPLIT: 'bad',
  PENDING: 'warn',
}

/** Whether verifiers refused a file or disagree about it: nothing of it may look good. */
export function isRefused(consensus: Consensus): boolean {
  return consensus === 'REFUSED' || consensus === 'SPLIT'
}

export const JUDGES = ['integrity', 'form', 'behaviour'] as const satisfies readonly (keyof Judges)[]

/** How many of the three judges passed. */
export function judgesPassed(judges: Judges): number {
  return JUDGES.filter((judge) => judges[judge] === 'pass').length
}

/** What is known of the listed SHA-256: only a verifier's own download proves it. */
export function checksumWord({ verification }: Pick<ListingView, 'verification'>): Word {
  if (verification.integrity === 'pass') return { text: 'SHA256 matches', tone: 'ok' }
  if (verification.integrity === 'fail') return { text: 'Integrity failed', tone: 'bad' }
  return { text: 'SHA256 not checked', tone: 'warn' }
}

/** The mission's warning for a listing; null only where verified and not from an Unverified uploader. */
export function warningWord(
  model: Pick<ListingView, 'consensus' | 'quantisation' | 'status' | 'tier' | 'verification'>,
): Word | null {
  if (model.quantisation.match === 'mislabelled') return { text: 'Wrong quantisation', tone: 'bad' }
  if (model.consensus === 'REFUSED') return { text: 'Do not run this file', tone: 'bad' }
  if (model.consensus === 'SPLIT') return { text: 'Verifiers disagree', tone: 'bad' }
  if (model.status === 'rejected' || model.status === 'suspended' || model.status === 'removed')
    return { text: 'Do not run this file', tone: 'bad' }
  if (model.tier === 'unverified') return { text: 'Download at own risk', tone: 'warn' }
  return model.consensus === 'VERIFIED' ? null : { text: 'Verify checksum', tone: 'warn' }
}

export function signatureWord({ state }: SignatureView): Word {
  switch (state) {
    case 'good':
      return { text: 'Signature good', tone: 'ok' }
    case 'none':
      return { text: 'Not signed', tone: 'quiet' }
    case 'unchecked':
      return { text: 'Signature not checked', tone: 'warn' }
    case 'unknown_key':
      return { text: 'Signed by an unknown key', tone: 'warn' }
    case 'expired':
      return { text: 'Signature expired', tone: 'bad' }
    case 'weak':
      return { text: 'Signature too weak', tone: 'bad' }
    case 'revoked':
      return { text: 'Signing key revoked', tone: 'bad' }
    case 'bad':
    default:
      return { text: 'Signature bad', tone: 'bad' }
  }
}

/** The quantisation as far as it is proven: the name, and what is known of it. */
export function quantisationWord({
  consensus,
  quantisation,
  verification,
}: Pick<ListingView, 'consensus' | 'quantisation' | 'verification'>): {
  name: string
  proof: Word
} {
  const { claimed, proven, match, matched, total } = quantisation
  // What was read were other bytes than those listed.
  if (verification.integrity === 'fail')
    return { name: named(claimed), proof: { text: 'not proven: other bytes', tone: 'bad' } }
  const counts = `${matched}/${total}`
  // The tensors may fit, but a file that was refused or is disputed shows nothing green.
  if (match === 'exact' && isRefused(consensus))
    return { name: named(claimed), proof: { text: `${counts} fit, not proven`, tone: 'warn' } }
  switch (match) {
    case 'exact':
      return { name: claimed ?? proven[0] ?? '—', proof: { text: `${counts} proven`, tone: 'ok' } }
    case 'variant':
      return { name: claimed ?? proven[0] ?? '—', proof: { text: `${counts} custom mix`, tone: 'warn' } }
    case 'mislabelled':
      return {
        name: `claims ${claimed ?? 'nothing'}`,
        proof: { text: proven[0] === undefined ? 'tensors differ' : `is ${proven[0]}`, tone: 'bad' },
      }
    case 'unknown':
      return { name: named(claimed), proof: { text: 'no known recipe', tone: 'warn' } }
    case 'unverified':
    default:
      return { name: named(claimed), proof: { text: 'not proven', tone: 'warn' } }
  }
}

function named(claimed: string | null): string {
  return claimed === null ? '—' : `claims ${claimed}`
}

/** The sentence of a judge's chamber: the newest granted verifier's that says what the panel says. */
export function judgeSentence(
  { verification, verifications }: Pick<ListingView, 'verification' | 'verifications'>,
  judge: keyof Judges,
): string {
  const speaker = grantedLatest(verifications).findLast(({ judges }) => judges[judge] === verification[judge])
  if (speaker !== undefined && speaker.summary[judge] !== '') return speaker.summary[judge]
  return verification[judge] === 'pending' ? 'No verifier has judged this yet' : 'No sentence was recorded'
}

/** The latest verification of each verifier that moves the badge, oldest first. */
export function grantedLatest(verifications: readonly VerificationView[]): VerificationView[] {
  const latest = new Map<string, VerificationView>()
  for (const verification of verifications)
    if (verification.granted) {
      latest.delete(verification.by)
      latest.set(verification.by, verification)
    }
  return [...latest.values()]
}

/** Upper-case hexadecimal in groups of four, as OpenPGP tools print it. */
export function groupFingerprint(fingerprint: string): string {
  return fingerprint.match(/.{1,4}/g)?.join(' ') ?? ''
}

/** `have` and `need` of a condition in the reader's units: hundredths of a star become stars. */
export function conditionFigures(sentence: string, have: number, need: number): string {
  // Figures that nobody gave are not shown as if they had been.
  if (/hundredths of a star/i.test(sentence) && have === 0) return 'no ratings yet'
  // Equal days stand for "never" too, so the words have to be true of both.
  if (/without an upheld report/i.test(sentence) && have === need) return `no report upheld in ${need} days`
  if (/hundredths of a star/i.test(sentence)) return `${(have / 100).toFixed(2)} / ${(need / 100).toFixed(2)}`
  return `${have} / ${need}`
}

/** A condition's sentence for readers, in the units of `conditionFigures`. */
export function conditionSentence(sentence: string): string {
  return sentence.replace(/ in hundredths of a star/i, '')
}
