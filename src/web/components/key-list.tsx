import type { ComponentChildren } from 'preact'
import type { MemberView } from '../../core/views.ts'
import { Day, Missing, State } from './bits.tsx'
import { groupFingerprint } from './wording.ts'

type Key = MemberView['keys'][number]

/** A member's OpenPGP keys; below each what the visitor may do with it. */
export function KeyList({ keys, acts }: { keys: readonly Key[]; acts?: (key: Key) => ComponentChildren }) {
  if (keys.length === 0)
    return (
      <p>
        <Missing word="no key registered" />
      </p>
    )
  return (
    <ul class="plain keys">
      {keys.map((key) => (
        <li key={key.fingerprint}>
          <a class="mono" href={`/keys/${key.fingerprint}`}>
            {groupFingerprint(key.fingerprint)}
          </a>
          <p>
            registered <Day at={key.registered_at} />{' '}
            {key.revoked_at === null ? null : (
              <State word={{ text: `Revoked ${key.revoked_at.slice(0, 10)}`, tone: 'bad' }} small />
            )}
          </p>
          {acts?.(key)}
        </li>
      ))}
    </ul>
  )
}
