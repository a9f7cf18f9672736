import { Handle } from '../core/ids.ts'
import { tokenHash } from '../web/actor.ts'
import { ensureMember, grantRole, issueToken } from '../web/commands/members.ts'
import type { Stores } from './stores.ts'

const LIFETIME_MS = 366 * 86_400_000

/** A token of the member that this machine's own verifier acts as, for one run of the server. The operator's machine grants its role. */
export async function verifierToken(stores: Stores): Promise<{ token: string; revoke(): Promise<void> }> {
  const member = await ensureMember(stores, Handle.parse('local-verifier'))
  await grantRole(stores, member, 'verifier')
  const { token } = await issueToken(stores, member, ['verify'], LIFETIME_MS)
  return { token, revoke: async () => stores.private.revokeToken(await tokenHash(token)) }
}
