import { formatCount } from '../islands/format.ts'
import type { MemberPageProps } from '../page-types.ts'
import { Day, Missing, Panel, State } from './bits.tsx'

/** A ban or a handle that looks like another's: what a visitor must see first. */
export function MemberAlarm({
  member,
  banReason,
  lookalikes,
}: Pick<MemberPageProps, 'member' | 'banReason' | 'lookalikes'>) {
  return (
    <>
      {member.banned === null ? null : (
        <p class="notice notice-bad" role="alert">
          <State word={{ text: 'Banned', tone: 'bad' }} />
          <span>
            by a moderator on <Day at={member.banned.at} />. What they rated, attested, endorsed and reported
            does not count (T18).{banReason === null ? '' : ` Reason: ${banReason}`}
          </span>
        </p>
      )}
      {lookalikes.length === 0 ? null : (
        <p class="notice notice-warn" role="status">
          <State word={{ text: 'Looks like another handle', tone: 'warn' }} />
          <span>
            This handle can be taken for{' '}
            {lookalikes.map((handle, n) => (
              <span key={handle}>
                {n === 0 ? '' : ', '}
                <a href={`/members/${handle}`}>@{handle}</a>
              </span>
            ))}{' '}
            (T21).
          </span>
        </p>
      )}
    </>
  )
}

/** Who endorses a member, and the forms for those who may. */
export function Endorsements({
  member,
  endorsers,
  may,
}: Pick<MemberPageProps, 'member' | 'endorsers' | 'may'>) {
  const counted = endorsers.filter(({ counts }) => counts).length
  return (
    <Panel title="Endorsements" code={`${formatCount(counted)} of ${formatCount(endorsers.length)} count`}>
      {endorsers.length === 0 ? (
        <p>
          <Missing word="none yet" />
        </p>
      ) : (
        <ul class="plain">
          {endorsers.map(({ handle, counts }) => (
            <li key={handle}>
              <a href={`/members/${handle}`}>@{handle}</a>{' '}
              <span class="quiet-text">
                {counts ? 'counts' : 'does not count: neither Trusted nor Official'}
              </span>
            </li>
          ))}
        </ul>
      )}
      {may.endorse === null ? null : (
        <form
          method="post"
          action={`/members/${member.handle}/endorsements${may.endorse === 'withdraw' ? '/withdrawal' : ''}`}
        >
          <button type="submit" class="button button-small">
            {may.endorse === 'withdraw' ? 'Withdraw your endorsement' : `Endorse @${member.handle}`}
          </button>
        </form>
      )}
      {may.ban ? <Ban member={member} /> : null}
    </Panel>
  )
}

function Ban({ member }: Pick<MemberPageProps, 'member'>) {
  const action = `/members/${member.handle}/ban`
  if (member.banned !== null)
    return (
      <form method="post" action={action}>
        <input type="hidden" name="banned" value="false" />
        <button type="submit" class="button button-small">
          Lift the ban
        </button>
      </form>
    )
  return (
    <details>
      <summary>Ban this member</summary>
      <form method="post" action={action} class="stack">
        <input type="hidden" name="banned" value="true" />
        <label for="ban-reason">
          Reason that the member sees<span class="field-need"> required</span>
        </label>
        <textarea id="ban-reason" name="reason" rows={2} required maxLength={4000} />
        <button type="submit" class="button button-small button-bad">
          Ban
        </button>
      </form>
    </details>
  )
}
