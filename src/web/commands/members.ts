import type { Role } from '../../core/events.ts'
import { Handle, MemberId } from '../../core/ids.ts'
import { isQalError, QalError } from '../../core/error.ts'
import { skeletonOf } from '../../core/skeleton.ts'
import { rolesOf } from '../../core/roles.ts'
import type { Scope } from '../../store/private.ts'
import type { AppDeps } from '../deps.ts'
import { tokenHash } from '../actor.ts'
import { hmac } from '../hmac.ts'
import { parsePublicKey } from '../../sign/public-key.ts'
import { append, newEvent } from './append.ts'

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

type MemberDeps = Pick<
  AppDeps,
  'ledger' | 'catalogue' | 'private' | 'now' | 'random' | 'changed' | 'blobs' | 'secret'
>

/** The handle, checked; throws `input_handle`. */
export function parseHandle(text: string): Handle {
  const handle = Handle.safeParse(text.replace(/^@/, ''))
  if (handle.success) return handle.data
  const expected = handle.error.issues[0]?.message ?? 'a handle'
  throw new QalError('input_handle', `Cannot take the handle: ${expected}`, {
    field: 'handle',
    expected,
    exit: 2,
  })
}

/**
 * The member of that handle, joined now where there was none. The id follows
 * from the handle and the site's secret, so that two who join as the same
 * handle at once meet in one stream, where only the first append is taken.
 */
export async function ensureMember(deps: MemberDeps, handle: Handle): Promise<MemberId> {
  await deps.catalogue.catchUp(deps.ledger)
  const known = deps.catalogue.memberByHandle(handle)
  if (known) return MemberId.parse(known.id)
  const member = await opaqueId(deps.secret, handle)
  try {
    await append(deps, `member/${member}`, 0, [
      newEvent(deps, { by: member, authority: { as: 'self' } }, 'member_joined', { handle }),
    ])
  } catch (error) {
    if (!isQalError(error) || error.code !== 'ledger_conflict') throw error
    await deps.catalogue.catchUp(deps.ledger)
  }
  return member
}

/**
 * A new member of that handle, who showed an account elsewhere. Refuses one that
 * is taken, that the policy reserves, or that may be taken for one of these or
 * of somebody who speaks for the site or is Official (T21).
 */
export async function joinAs(deps: MemberDeps, handle: Handle): Promise<MemberId> {
  await deps.catalogue.catchUp(deps.ledger)
  const refuse = (expected: string): never => {
    throw new QalError('input_handle', `Cannot join as @${handle}: expected ${expected}`, {
      field: 'handle',
      expected,
      exit: 2,
    })
  }
  if (deps.catalogue.memberByHandle(handle) !== null) refuse('a handle that nobody has')
  const skeleton = skeletonOf(handle)
  const { reserved_handles } = deps.catalogue.site().policy
  if (reserved_handles.some((reserved) => skeletonOf(reserved) === skeleton))
    refuse('a handle that is not reserved for a maker of models or the site')
  const known = deps.catalogue
    .handlesLike(handle)
    .find(({ tier, roles }) => tier === 'official' || roles.length > 0)
  if (known) refuse(`a handle that nobody takes for @${known.handle}`)
  const member = await opaqueId(deps.secret, handle)
  await append(deps, `member/${member}`, 0, [
    newEvent(deps, { by: member, authority: { as: 'self' } }, 'member_joined', { handle }),
  ]).catch((error: unknown) => {
    if (!isQalError(error) || error.code !== 'ledger_conflict') throw error
    refuse('a handle that nobody has')
  })
  return member
}

/** A member id of 128 bits that tell nothing of the handle to who lacks the secret. */
async function opaqueId(secret: Uint8Array<ArrayBuffer>, handle: Handle): Promise<MemberId> {
  let bits = BigInt(`0x${(await hmac(secret, `member ${handle}`)).slice(0, 32)}`)
  let text = ''
  for (let digit = 0; digit < 26; digit++, bits >>= 5n) text = CROCKFORD.charAt(Number(bits & 31n)) + text
  return MemberId.parse(`m_${text}`)
}

/** Grants a role as the operator at the machine; one that is held already changes nothing. */
export async function grantRole(deps: MemberDeps, member: MemberId, role: Role): Promise<void> {
  await deps.catalogue.catchUp(deps.ledger)
  const site = deps.catalogue.site()
  if (rolesOf(site, member).includes(role)) return
  await append(deps, 'site', site.seq, [
    newEvent(deps, { by: null, authority: { as: 'operator' } }, 'role_granted', { member, role }),
  ])
}

/** Records that the operator knows who a member is (T3e), by what kind of proof. */
export async function proveIdentity(
  deps: MemberDeps,
  member: MemberId,
  kind: 'email' | 'github' | 'openpgp',
): Promise<void> {
  await deps.catalogue.catchUp(deps.ledger)
  const state = deps.catalogue.memberState(member)
  if (state?.identity.some((identity) => identity.kind === kind)) return
  await append(deps, `member/${member}`, state?.seq ?? 0, [
    newEvent(deps, { by: member, authority: { as: 'operator' } }, 'identity_proved', { kind }),
  ])
}

/** A new bearer token for a member; it is shown once and stored as its hash. */
export async function issueToken(
  deps: MemberDeps,
  member: MemberId,
  scopes: Scope[],
  lifetimeMs: number,
  name?: string,
): Promise<{ token: string; expires_at: string }> {
  const token = `qal_${deps.random(32).toBase64({ alphabet: 'base64url', omitPadding: true })}`
  const expires_at = new Date(deps.now().getTime() + lifetimeMs).toISOString()
  await deps.private.putToken({ hash: await tokenHash(token), member, scopes, expires_at, name })
  return { token, expires_at }
}

/** Registers an OpenPGP key for a member as the operator at the machine (T14). */
export async function registerKey(deps: MemberDeps, member: MemberId, armored: string): Promise<string> {
  const key = await parsePublicKey(armored)
  await deps.catalogue.catchUp(deps.ledger)
  const state = deps.catalogue.memberState(member)
  if (state?.keys.some(({ fingerprint }) => fingerprint === key.fingerprint)) return key.fingerprint
  const public_key = await deps.blobs.put(new TextEncoder().encode(armored))
  await append(deps, `member/${member}`, state?.seq ?? 0, [
    newEvent(deps, { by: member, authority: { as: 'operator' } }, 'key_registered', {
      fingerprint: key.fingerprint,
      public_key,
    }),
  ])
  return key.fingerprint
}
