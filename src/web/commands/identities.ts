import type { IdentityKind } from '../../core/events.ts'
import type { MemberId } from '../../core/ids.ts'
import { QalError } from '../../core/error.ts'
import type { IdentityName } from '../../store/private.ts'
import type { AppDeps } from '../deps.ts'
import { hmac } from '../hmac.ts'
import { append, newEvent } from './append.ts'

type IdentityDeps = Pick<AppDeps, 'ledger' | 'catalogue' | 'private' | 'now' | 'secret' | 'changed'>

/** An account elsewhere that somebody has just shown to be theirs. */
export interface ProvedAccount {
  kind: IdentityName
  /** What never changes about it: GitHub's numeric id, an e-mail address in lower case. Never stored as it is. */
  account: string
}

/** The member whose account this is; null where nobody has linked it. */
export async function memberOfAccount(deps: IdentityDeps, proved: ProvedAccount): Promise<MemberId | null> {
  return deps.private.memberOfIdentity(await codeOf(deps, proved))
}

/**
 * Records that an account is a member's (T20). One account proves one member:
 * another's is refused with `input_identity`. The ledger learns the kind alone.
 */
export async function proveAccount(
  deps: IdentityDeps,
  member: MemberId,
  proved: ProvedAccount,
): Promise<void> {
  if (!(await deps.private.linkIdentity(await codeOf(deps, proved), proved.kind, member)))
    throw new QalError('input_identity', 'Cannot link this account: it is linked to another member here', {
      field: 'identity',
      expected: 'an account that no other member has linked',
    })
  await recordIdentity(deps, member, proved.kind)
}

/** Appends `identity_proved` by rule, once. */
export async function recordIdentity(
  deps: IdentityDeps,
  member: MemberId,
  kind: IdentityKind,
): Promise<void> {
  await deps.catalogue.catchUp(deps.ledger)
  const state = deps.catalogue.memberState(member)
  if (state?.identity.some((each) => each.kind === kind)) return
  await append(deps, `member/${member}`, state?.seq ?? 0, [
    newEvent(deps, { by: member, authority: { as: 'rule', rule: 'T20' } }, 'identity_proved', { kind }),
  ])
}

/** Lets an account go, as its member: what it earned goes with it. */
export async function withdrawIdentity(
  deps: IdentityDeps,
  member: MemberId,
  kind: IdentityKind,
): Promise<void> {
  await deps.catalogue.catchUp(deps.ledger)
  const state = deps.catalogue.memberState(member)
  if (state?.identity.some((each) => each.kind === kind))
    await append(deps, `member/${member}`, state.seq, [
      newEvent(deps, { by: member, authority: { as: 'self' } }, 'identity_withdrawn', { kind }),
    ])
  if (kind !== 'openpgp') await deps.private.unlinkIdentity(kind, member)
}

/** HMAC under the site's secret: finds an account again, and tells nobody which it is (T15). */
function codeOf({ secret }: Pick<AppDeps, 'secret'>, { kind, account }: ProvedAccount): Promise<string> {
  return hmac(secret, `identity ${kind} ${account}`)
}
