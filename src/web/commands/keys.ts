import { Fingerprint } from '../../core/ids.ts'
import { isQalError, QalError } from '../../core/error.ts'
import { verifyDetached } from '../../sign/detached.ts'
import { parsePublicKey } from '../../sign/public-key.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { hmac } from '../hmac.ts'
import { InputError, notFound } from '../problem.ts'
import { append, newEvent } from './append.ts'
import { recordIdentity } from './identities.ts'
import { memberOf, self } from './people.ts'

const CHALLENGE_MS = 60 * 60_000
const MAX_KEYS = 20

/**
 * What a member signs to show that a key is theirs: it names the site, the
 * member and its end, and carries a code that only this site can make, so that
 * nothing has to be kept and no other text passes.
 */
export async function keyChallenge(deps: AppDeps, actor: Actor): Promise<string> {
  const until = new Date(deps.now().getTime() + CHALLENGE_MS).toISOString()
  return challengeText(deps, actor, until)
}

async function challengeText(deps: AppDeps, actor: Actor, until: string): Promise<string> {
  const { handle } = memberOf(deps, actor)
  const lines = `I register this OpenPGP key at ${deps.site.baseUrl}\nas @${handle} (${actor.member})\nbefore ${until}`
  return `${lines}\ncode ${await hmac(deps.secret, `key challenge\n${lines}`)}\n`
}

/**
 * Registers an OpenPGP key by a detached signature over the challenge (T20).
 * A key that another member has registered stays theirs.
 */
export async function registerOwnKey(
  deps: AppDeps,
  actor: Actor,
  input: { public_key: string; challenge: string; signature: string },
): Promise<{ fingerprint: string }> {
  const key = await inField('public_key', () => parsePublicKey(input.public_key))
  // Forms send their lines ended as MIME does.
  const challenge = `${input.challenge.replaceAll('\r\n', '\n').trimEnd()}\n`
  const until = /^before (\S{24})$/m.exec(challenge)?.[1] ?? ''
  if (challenge !== (await challengeText(deps, actor, until)) || !(Date.parse(until) > deps.now().getTime()))
    throw new InputError([
      { field: 'challenge', expected: 'the text that this page shows, whole and not older than an hour' },
    ])
  const { state, message } = await inField('signature', () =>
    verifyDetached({
      signature: input.signature,
      publicKey: input.public_key,
      data: new TextEncoder().encode(challenge),
      now: deps.now(),
    }),
  )
  if (state !== 'good')
    throw new InputError([
      { field: 'signature', expected: `a good signature of this text by this key: ${message}` },
    ])
  await deps.catalogue.catchUp(deps.ledger)
  const { keys, seq } = stateOf(deps, actor)
  const known = keys.find(({ fingerprint }) => fingerprint === key.fingerprint)
  if (known !== undefined && known.revoked_at !== null)
    throw new InputError([{ field: 'public_key', expected: 'a key that you have not revoked' }])
  if (known === undefined) {
    if (deps.catalogue.publicKey(key.fingerprint) !== null)
      throw new InputError([{ field: 'public_key', expected: 'a key that no other member has registered' }])
    if (keys.length >= MAX_KEYS)
      throw new InputError([{ field: 'public_key', expected: `at most ${MAX_KEYS} keys a member` }])
    const public_key = await deps.blobs.put(new TextEncoder().encode(input.public_key))
    await append(deps, `member/${actor.member}`, seq, [
      newEvent(deps, self(actor), 'key_registered', { fingerprint: key.fingerprint, public_key }),
    ])
  }
  await recordIdentity(deps, actor.member, 'openpgp')
  return { fingerprint: key.fingerprint }
}

/** Revokes a key: retired, it keeps what was signed with it; compromised, nothing signed by it is good (T14). */
export async function revokeKey(
  deps: AppDeps,
  actor: Actor,
  input: { fingerprint: string; compromised: boolean },
): Promise<void> {
  await deps.catalogue.catchUp(deps.ledger)
  const { keys, seq } = stateOf(deps, actor)
  const key = keys.find(({ fingerprint }) => fingerprint === input.fingerprint)
  if (key === undefined) throw notFound('a key of yours with this fingerprint')
  if (key.revoked_at !== null && (key.compromised || !input.compromised)) return
  await append(deps, `member/${actor.member}`, seq, [
    newEvent(deps, self(actor), 'key_revoked', {
      fingerprint: Fingerprint.parse(key.fingerprint),
      compromised: input.compromised,
    }),
  ])
}

function stateOf(deps: AppDeps, actor: Actor) {
  const state = deps.catalogue.memberState(actor.member)
  if (!state) throw notFound(`member ${actor.member}`)
  return state
}

/** What is wrong with a key or signature is wrong with the field that it came in. */
async function inField<Result>(field: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read()
  } catch (error) {
    if (!isQalError(error) || !error.code.startsWith('sign_')) throw error
    throw new QalError(error.code, error.message, { ...error.facts, field, cause: error })
  }
}
